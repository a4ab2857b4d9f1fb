import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ConformanceSubject } from '../../../src/testing/index.ts'
import { plainDatagrams, runConformance } from '../../../src/testing/index.ts'
import type { Flaw } from './toy-transport.ts'
import { toyWith } from './toy-transport.ts'

/** Each flaw, and the test that must catch it. */
const CATCHES: readonly (readonly [Flaw, RegExp, RegExp])[] = [
  ['corrupts a byte', /^delivers what was written before 'connect'/, /first difference is at byte 50/],
  ['checks no frame', /after a flip in the data \(toServer\)/, /did not notice the alteration/],
  ['answers probes', /^sends no byte to any prober/, /was answered/],
  ['answers probes', /after a flip in the client's handshake.*part 1 /, /the server answered with mask/],
  ['answers half a handshake', /^drops a client whose handshake is cut, in silence.*part 2 /, /the server answered/],
  ['closes probes at once', /^sends no byte to any prober/, /tells probers apart/],
  ['accepts replays', /^sends no byte to any prober/, /a handshake replayed: \d+ bytes back/],
  ['loses bytes after the handshake', /follows the server's handshake at once, with the wire coalesced/, /received/],
  [
    'waits for ever on half a handshake',
    /^fails without 'connect' when the server's handshake is cut.*part 3/,
    /cut at byte 2 /,
  ],
  ['leaks a timer', /^holds no timer and no stream/, /timers? .*left behind/],
  ['defers without end', /^comes to an end with what it defers/, /must end/],
  [
    'connects before the answer',
    /^fails without 'connect' when the server's handshake is cut.*part 1/,
    /before the server's first byte/,
  ],
]

describe('the conformance suite', () => {
  it('passes a transport without a flaw', async () => {
    const tests = collect({ transport: toyWith('none'), client: {}, server: {} })
    assert.ok(tests.size > 80, `the suite has ${tests.size} tests`)
    for (const [title, test] of tests) await assert.doesNotReject(test(), title)
  })

  for (const [flaw, title, message] of CATCHES) {
    it(`catches a transport that ${flaw}`, () =>
      assertCatches({ transport: toyWith(flaw), client: {}, server: {} }, title, message))
  }

  it('catches datagrams that nothing protects', () =>
    assertCatches(
      { transport: plainDatagrams, client: {}, server: {}, traits: { datagrams: true } },
      /^never delivers what was altered on the way/,
      /a packet with a flipped bit was delivered/,
    ))

  it("catches a transport that emits 'close' twice", () => {
    const toy = toyWith('none')
    const transport: typeof toy = {
      ...toy,
      client: (...given) => {
        const factory = toy.client(...given)
        const connect = (...target: Parameters<typeof factory.connect>) => {
          const connection = factory.connect(...target)
          connection.once('close', () => connection.emit('close'))
          return connection
        }
        return { ...factory, connect: connect as typeof factory.connect }
      },
    }
    return assertCatches(
      { transport, client: {}, server: {} },
      /one 'close' on both sides/,
      /'close' was emitted 2 times/,
    )
  })

  it('asks for silence only where it is promised', async () => {
    for (const [flaw, title] of [
      ['answers probes', /after a flip in the client's handshake.*part 1 /],
      ['answers half a handshake', /^drops a client whose handshake is cut.*part 2 /],
    ] as const) {
      const tests = collect({ transport: toyWith(flaw), client: {}, server: {}, traits: { silent: false } })
      const found = [...tests].find(([name]) => title.test(name))
      await assert.doesNotReject(found![1](), found![0])
    }
  })

  it('leaves out what a transport does not promise', () => {
    const all = collect({ transport: toyWith('none'), client: {}, server: {} })
    const few = collect({
      transport: toyWith('none'),
      client: {},
      server: {},
      traits: { integrity: false, handshake: false, silent: false, halfClose: false, serverSpeaksFirst: false },
    })
    assert.ok([...few.keys()].every((title) => all.has(title)))
    for (const left of [/flip/, /prober/, /after the client has ended/, /speak first/, /PT_HANDSHAKE_TIMEOUT/]) {
      assert.ok(
        [...all.keys()].some((title) => left.test(title)),
        `${left} is in the whole suite`,
      )
      assert.ok(![...few.keys()].some((title) => left.test(title)), `${left} is left out`)
    }
  })
})

/** Takes the tests of a subject, by title, without running them. */
function collect<Client, Server>(subject: ConformanceSubject<Client, Server>): Map<string, () => Promise<void>> {
  const tests = new Map<string, () => Promise<void>>()
  runConformance(subject, {
    describe: (_title, define) => define(),
    it: (title, test) => {
      assert.ok(!tests.has(title), `two tests are called ${title}`)
      tests.set(title, test)
    },
  })
  return tests
}

async function assertCatches<Client, Server>(
  subject: ConformanceSubject<Client, Server>,
  title: RegExp,
  message: RegExp,
): Promise<void> {
  const found = [...collect(subject)].filter(([name]) => title.test(name))
  assert.equal(found.length, 1, `one test is titled ${title}: ${found.map(([name]) => name).join(', ')}`)
  await assert.rejects(found[0]![1](), (error: Error) => {
    assert.match(error.message, message)
    return true
  })
}
