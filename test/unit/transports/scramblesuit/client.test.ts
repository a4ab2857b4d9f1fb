import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { NOTHING, type Step } from '../../../../src/core/codec.ts'
import { MemoryStore } from '../../../../src/testing/memory-store.ts'
import { createMemoryPlatform } from '../../../../src/testing/memory-platform.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { scramblesuit } from '../../../../src/transports/scramblesuit/index.ts'
import { drawLengths } from '../../../../src/transports/scramblesuit/shaper.ts'
import { ServerCodec } from '../../../../src/transports/scramblesuit/server-codec.ts'
import { uniformInteger } from '../../../../src/util/random.ts'
import { perform, wireOf } from '../../../support/codec-steps.ts'
import { type TestBridge, createTestBridge, createTestClient } from '../../../support/scramblesuit-bridge.ts'

/** Has the bridge answer a hello and say `words`, ticket and seed before them. */
async function answer(bridge: TestBridge, hello: Uint8Array, words: readonly Uint8Array[] = []): Promise<Buffer> {
  const server = new ServerCodec(bridge)
  server.start()
  const steps = [await perform(server, server.receive(hello))]
  steps.push(...words.map((word) => server.send([word])))
  return Buffer.concat(steps.map(wireOf))
}

const begin = async ({ codec }: ReturnType<typeof createTestClient>): Promise<Buffer> =>
  wireOf(await perform(codec, codec.start()))

describe('UniformDH', () => {
  test('the hello is made for the hour in which the stream is there', async () => {
    const bridge = createTestBridge()
    const client = createTestClient(bridge)
    bridge.clock.setWallClock(bridge.clock.now() + 5 * 3_600_000)
    assert.equal(client.codec.receive(await answer(bridge, await begin(client))).established, true)
  })

  test('every word arrives whole, wherever the answer and what follows it are cut', async () => {
    const bridge = createTestBridge()
    const random = new SeededRandom('cuts')
    const word = random.fill(Buffer.alloc(3000))
    for (let round = 0; round < 40; round++) {
      const client = createTestClient(bridge)
      const whole = await answer(bridge, await begin(client), [word.subarray(0, 5), word.subarray(5)])
      const cuts = [0, 0].map(() => uniformInteger(random, 1, whole.length - 1))
      const [first, second] = cuts.sort((a, b) => a - b)
      const pieces = [whole.subarray(0, first), whole.subarray(first, second), whole.subarray(second)]
      const steps = pieces.map((piece) => (piece.length === 0 ? NOTHING : client.codec.receive(piece)))
      assert.ok(
        Buffer.concat(steps.map(({ data = new Uint8Array(0) }) => data)).equals(word),
        `cut at ${first} and ${second}`,
      )
      assert.equal(steps.filter(({ established }) => established === true).length, 1)
      assert.equal(client.tickets.length, 1)
    }
  })

  test('fails when the answer is changed anywhere, ends early, or has no mark in 1,532 bytes', async () => {
    const bridge = createTestBridge()
    for (let place = 0; place < 224; place += 9) {
      const client = createTestClient(bridge)
      const reply = await answer(bridge, await begin(client))
      reply[reply.length - 1 - place]! ^= 1
      const { close, established } = client.codec.receive(Buffer.concat([reply, Buffer.alloc(1532)]))
      assert.equal(close?.code, 'PT_HANDSHAKE_FAILED', `byte ${place} from the end`)
      assert.equal(established, undefined)
    }
    const noisy = createTestClient(bridge)
    await begin(noisy)
    assert.deepEqual(noisy.codec.receive(Buffer.alloc(1531)), NOTHING)
    assert.equal(noisy.codec.receive(Buffer.alloc(1)).close?.code, 'PT_HANDSHAKE_FAILED')
    const truncated = createTestClient(bridge)
    truncated.codec.start()
    assert.equal(truncated.codec.finish().close?.code, 'PT_TRUNCATED')
  })

  test("shapes with the server's table from its seed on", async () => {
    const bridge = createTestBridge()
    const seeds: Buffer[] = []
    const client = createTestClient(bridge, {
      firstLengths: () => assert.fail('the seed has come'),
      lengthsOf: (seed) => (seeds.push(seed), drawLengths(seed)),
    })
    client.codec.receive(await answer(bridge, await begin(client), [Buffer.from('word')]))
    assert.deepEqual(seeds, [bridge.prngSeed])
    const tails = new Set(bridge.lengths.values.map((length) => length % 1448))
    for (let count = 0; count < 50; count++) {
      assert.ok(tails.has(wireOf(client.codec.send([Buffer.from('x')])).length % 1448))
    }
  })
})

describe('a ticket', () => {
  test('is taken out of the store before a byte leaves, and opens with the first packet of the server', async () => {
    const bridge = createTestBridge()
    const ticket = bridge.ticketKeys.issue(bridge.clock.now())
    let taken = 0
    const client = createTestClient(bridge, {
      ticket,
      takeKeyPair: () => assert.fail('no key pair is needed'),
      takeTicket: () => Promise.resolve(((taken += 1), ticket)),
    })
    const start = client.codec.start()
    assert.deepEqual(Object.keys(start), ['pending'])
    assert.equal(taken, 0)
    const hello = wireOf(await perform(client.codec, start))
    assert.equal(taken, 1)
    assert.deepEqual(hello.subarray(0, 112), ticket.ticket)
    const reply = await answer(bridge, hello)
    let step: Step = NOTHING
    let count = 0
    for (const byte of reply) {
      step = client.codec.receive(Buffer.of(byte))
      count += 1
      if (step.established === true) break
    }
    assert.equal(step.established, true)
    assert.equal(count, 165, 'the packet of the next ticket')
    assert.deepEqual(client.codec.receive(reply.subarray(count)), NOTHING)
    assert.equal(client.tickets.length, 1)
  })

  test('fails before it opens when what comes is not authentic, and when nothing comes', async () => {
    const bridge = createTestBridge()
    const ticket = bridge.ticketKeys.issue(bridge.clock.now())
    const client = createTestClient(bridge, { ticket })
    await begin(client)
    const { close, established } = client.codec.receive(Buffer.alloc(3000, 1))
    assert.equal(close?.code, 'PT_HANDSHAKE_FAILED')
    assert.equal(established, undefined)
    const alone = createTestClient(bridge, { ticket })
    await begin(alone)
    assert.equal(alone.codec.finish().close?.code, 'PT_TRUNCATED')
  })

  test('that is not there, or cannot be had, leaves UniformDH', async () => {
    const bridge = createTestBridge()
    for (const takeTicket of [() => Promise.resolve(undefined), () => Promise.reject(new Error('no store'))]) {
      const client = createTestClient(bridge, { expectsTicket: true, takeTicket })
      assert.equal(client.codec.receive(await answer(bridge, await begin(client))).established, true)
    }
  })
})

test('connections of a factory share tickets, those of another share its state directory', async () => {
  const store = new MemoryStore()
  const platform = createMemoryPlatform({ store })
  const listener = scramblesuit.server({}, { platform }).listen({ host: '127.0.0.1', port: 0 })
  listener.on('connection', (connection) => connection.on('data', (bytes) => connection.write(bytes)))
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }
  const options = { ...listener.clientArguments, stateDir: '/tickets' }
  /** Connects, converses and ends; returns what the client's handshake began with, as long as a ticket. */
  const converse = async (factory: ReturnType<typeof scramblesuit.client>): Promise<Buffer> => {
    const index = platform.network.links.length
    const connection = factory.connect({ host: '127.0.0.1', port })
    connection.write('hello')
    while (connection.bytesRead < 5) {
      connection.read()
      await platform.clock.advance(1)
    }
    connection.destroy()
    await platform.clock.settle()
    return platform.network.links[index]!.toServer.sent.subarray(0, 112)
  }
  const inFile = (bytes: Buffer): boolean => store.files.get('/tickets/scramblesuit_tickets.bin')!.includes(bytes)
  const first = scramblesuit.client(options, { platform })
  await converse(first)
  const before = Buffer.from(store.files.get('/tickets/scramblesuit_tickets.bin')!)
  const second = await converse(scramblesuit.client(options, { platform }))
  assert.ok(before.includes(second), 'a ticket of the file was used by another factory')
  assert.equal(inFile(second), false)
  const alone = scramblesuit.client(listener.clientArguments, { platform })
  const agreement = await converse(alone)
  assert.equal(before.includes(agreement), false)
  const third = await converse(first)
  assert.notDeepEqual(third, second)
  listener.close()
  listener.closeAllConnections()
  await platform.clock.settle()
})
