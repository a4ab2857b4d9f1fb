import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Effect, NOTHING, type Outcome, type Step } from '../../../src/core/codec.ts'
import { PtError } from '../../../src/core/errors.ts'
import { clientScene, serverScene } from '../../support/scripted-connection.ts'

/** An effect that a test ends. */
class HeldEffect {
  signal: AbortSignal | undefined
  resolve: (value: unknown) => void = () => undefined
  reject: (error: unknown) => void = () => undefined
  readonly effect: Effect = (signal) => {
    this.signal = signal
    return new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }
}

const pend = (held: HeldEffect): Step => ({ pending: held.effect })

test('nothing is fed to a codec while its effect is under way, and all that came is fed after', async () => {
  const held = new HeldEffect()
  const { connection, peer, clock, codec, events, received } = await clientScene({
    receive: (bytes) => (bytes[0] === 0x21 ? pend(held) : { data: Buffer.from(bytes) }),
    settle: () => ({ wire: [{ bytes: Buffer.from('<') }], data: Buffer.from('settled') }),
  })
  peer.write('!')
  await clock.settle()
  const outcomes: string[] = []
  peer.write('more')
  connection.write('a', (error) => outcomes.push(`write ${error ? 'failed' : 'done'}`))
  connection.write('b')
  connection.end(() => outcomes.push('ended'))
  peer.end('tail')
  await clock.advance(5)
  assert.deepEqual(codec.calls, ['start', "receive '!'"])
  assert.deepEqual(outcomes, [])
  held.resolve('value')
  await clock.settle()
  assert.deepEqual(codec.calls.slice(2, 4), ['settle with value', "send 'a'"])
  assert.deepEqual(
    codec.calls.slice(4).filter((call) => call.startsWith('send')),
    ["send 'b'"],
  )
  assert.equal(codec.calls.at(-1), 'finish')
  assert.equal(received(), '<ab')
  assert.deepEqual(outcomes, ['write done', 'ended'])
  const data = events
    .filter((event) => event.startsWith('data'))
    .join('')
    .replaceAll(/data '|'/g, '')
  assert.equal(data, 'settledmoretail')
  assert.ok(events.indexOf('end') > 0)
  assert.equal(events.at(-1), 'close')
  assert.equal(clock.timerCount, 0)
})

test('nothing of a stream that is gone is fed to a codec while its effect is under way', async () => {
  const held = new HeldEffect()
  const { connection, peer, clock, codec } = await serverScene(
    {
      start: () => ({ established: true }),
      send: () => ({ wire: [{ bytes: Buffer.from('<') }] }),
      receive: () => pend(held),
    },
    { capacity: 1, reads: false },
  )
  peer.write('a')
  peer.write('b')
  await clock.settle()
  peer.resetAndDestroy()
  connection.write('')
  connection.serve()
  await clock.settle()
  assert.deepEqual(
    codec.calls.filter((call) => call.startsWith('receive')),
    ["receive 'a'"],
  )
  connection.destroy()
  await clock.settle()
  assert.equal(clock.timerCount, 0)
})

test("the peer's FIN is held until the effect has settled", async () => {
  const held = new HeldEffect()
  const { connection, peer, clock, codec, events } = await serverScene({
    start: () => NOTHING,
    receive: () => pend(held),
    settle: () => ({ established: true }),
  })
  connection.serve()
  peer.end('hello')
  await clock.settle()
  assert.deepEqual(codec.calls, ['start', "receive 'hello'"])
  held.resolve(1)
  await clock.settle()
  assert.deepEqual(codec.calls.slice(2), ['settle with 1', 'finish'])
  assert.deepEqual(events.slice(0, 2), ['established', 'end'])
  connection.destroy()
  await clock.settle()
})

test("an effect of the codec's finish puts the end off, and the codec is asked again", async () => {
  for (const verdict of ['end', 'failure'] as const) {
    const held = new HeldEffect()
    let isSettled = false
    const after: Step = verdict === 'end' ? NOTHING : { close: new PtError('PT_TRUNCATED', 'It was no end') }
    const { connection, peer, clock, codec, events } = await clientScene({
      finish: () => (isSettled ? after : pend(held)),
      settle: () => NOTHING,
    })
    peer.end('!')
    await clock.settle()
    assert.ok(!events.includes('end'))
    isSettled = true
    held.resolve(1)
    await clock.settle()
    assert.deepEqual(codec.calls.slice(2), ['finish', 'settle with 1', 'finish'])
    assert.equal(events.includes('end'), verdict === 'end')
    assert.equal(events.includes('error PT_TRUNCATED'), verdict === 'failure')
    connection.destroy()
    await clock.settle()
  }
})

test('the wake of a codec comes while its effect is under way', async () => {
  const held = new HeldEffect()
  const { peer, clock, codec, events } = await clientScene({
    receive: () => ({ ...pend(held), wakeAt: 30 }),
    settle: () => NOTHING,
    wake: () => ({ close: new PtError('PT_HANDSHAKE_TIMEOUT', 'too late') }),
  })
  peer.write('x')
  await clock.advance(30)
  assert.deepEqual(codec.calls.slice(2), ['wake'])
  assert.deepEqual(events.slice(2), ['error PT_HANDSHAKE_TIMEOUT', 'close'])
  assert.equal(held.signal?.aborted, true)
  held.resolve(1)
  await clock.settle()
  assert.deepEqual(codec.calls.slice(3), [])
})

test('a rejection reaches settle()', async () => {
  const outcomes: Outcome[] = []
  const { connection, clock } = await clientScene({
    start: () => ({ established: true, pending: () => Promise.reject(new Error('disk full')) }),
    settle: (outcome) => (outcomes.push(outcome), NOTHING),
  })
  await clock.settle()
  assert.equal(outcomes.length, 1)
  assert.match(String(!outcomes[0]!.ok && outcomes[0]!.error), /disk full/)
  connection.destroy()
  await clock.settle()
})

test('destroy() aborts the signal of the effect, and its outcome is ignored, also a rejection', async () => {
  for (const how of ['resolve', 'reject'] as const) {
    const held = new HeldEffect()
    const { connection, clock, codec } = await clientScene({ start: () => pend(held), settle: () => NOTHING })
    assert.equal(held.signal?.aborted, false)
    connection.destroy()
    assert.equal(held.signal?.aborted, true)
    held[how](new Error('late'))
    await clock.settle()
    assert.deepEqual(codec.calls, ['start'])
    assert.equal(clock.timerCount, 0)
  }
})

test('an effect may follow an effect, without a byte between', async () => {
  const first = new HeldEffect()
  const second = new HeldEffect()
  const { connection, peer, clock, codec } = await clientScene({
    start: () => ({ established: true, ...pend(first) }),
    settle: ({ ok }) => (ok && second.signal === undefined ? pend(second) : NOTHING),
  })
  peer.write('x')
  connection.write('y')
  first.resolve(1)
  await clock.settle()
  assert.deepEqual(codec.calls, ['start', 'settle with 1'])
  second.resolve(2)
  await clock.settle()
  assert.deepEqual(codec.calls.slice(2).sort(), ["receive 'x'", "send 'y'", 'settle with 2'])
  connection.destroy()
  await clock.settle()
})

test('a codec without settle() is fed again once its effect has ended', async () => {
  const held = new HeldEffect()
  const { connection, peer, clock, events } = await clientScene({ start: () => ({ established: true, ...pend(held) }) })
  peer.write('x')
  await clock.settle()
  assert.deepEqual(events, ['connect', 'ready'])
  held.resolve(undefined)
  await clock.settle()
  assert.deepEqual(events, ['connect', 'ready', "data 'x'"])
  connection.destroy()
  await clock.settle()
})

test('an effect under way holds a flood on the wire', async () => {
  const { connection, peer, clock, link } = await clientScene({
    start: () => ({ established: true, pending: () => new Promise(() => undefined) }),
  })
  let room = true
  for (let count = 0; room && count < 1000; count++) room = peer.write(Buffer.alloc(16_384))
  await clock.settle()
  assert.equal(room, false)
  assert.equal(connection.wireBytesRead, 0)
  assert.ok(link.client.readableLength <= 65_536 * 2)
  connection.destroy()
  peer.destroy()
  await clock.settle()
})
