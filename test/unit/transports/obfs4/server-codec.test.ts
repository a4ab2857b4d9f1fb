import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NOTHING, type Step } from '../../../../src/core/codec.ts'
import type { PtError } from '../../../../src/core/errors.ts'
import { representativeToPublicKey } from '../../../../src/crypto/elligator2.ts'
import { REPLAY_SLOT_COUNT } from '../../../../src/crypto/replay-filter.ts'
import { createFrameDecoder } from '../../../../src/transports/obfs4/framing.ts'
import { ClientHandshake } from '../../../../src/transports/obfs4/handshake-client.ts'
import { epochHourOf, makeSessionKeyPair } from '../../../../src/transports/obfs4/handshake.ts'
import { ServerCodec } from '../../../../src/transports/obfs4/server-codec.ts'
import { type TestBridge, createTestBridge, knowingClient } from '../../../support/obfs4-bridge.ts'

const signal = new AbortController().signal

/** Runs the effect of a step, as the Connection does, and settles. */
async function perform(codec: ServerCodec, step: Step): Promise<Step> {
  try {
    return codec.settle({ ok: true, value: await step.pending!(signal) })
  } catch (error) {
    return codec.settle({ ok: false, error })
  }
}

function accept(bridge: TestBridge): ServerCodec {
  const codec = new ServerCodec(bridge)
  assert.deepEqual(codec.start(), { wakeAt: bridge.clock.monotonic() + bridge.silenceMs })
  return codec
}

/** Asserts that a codec, whatever it was told, keeps silent until its deadline and then gives `code`. */
async function assertSilent(bridge: TestBridge, codec: ServerCodec, code: string): Promise<void> {
  for (const bytes of [Buffer.alloc(1), Buffer.alloc(20_000, 1), knowingClient(bridge).hello()])
    assert.deepEqual(codec.receive(bytes), NOTHING)
  assert.deepEqual(codec.send([Buffer.from('x')]), NOTHING)
  assert.equal(codec.finish().close?.code, code)
  const { close, ...rest } = codec.wake()
  assert.equal(close?.code, code)
  assert.deepEqual(rest, {})
  await bridge.clock.settle()
}

describe('a client that knows the bridge', () => {
  test('is answered once its MAC is in the filter: answer and seed in one piece, and no deadline any more', async () => {
    const bridge = createTestBridge()
    const codec = accept(bridge)
    const client = knowingClient(bridge)
    const pending = codec.receive(client.hello())
    assert.deepEqual(Object.keys(pending), ['pending'])
    assert.equal(bridge.replenishedCount, 0, 'no key is made before the answer has left')
    const step = await perform(codec, pending)
    assert.equal(bridge.takenCount, 1)
    assert.equal(bridge.replenishedCount, 1)
    assert.equal(step.established, true)
    assert.equal(step.wakeAt, null)
    assert.equal(step.wire?.length, 1)
    const progress = client.receive(step.wire[0]!.bytes)
    assert.equal(progress.state, 'done')
    if (progress.state !== 'done') return
    const { seed } = createFrameDecoder(progress.keys.subarray(72), bridge.random).decode(progress.rest)
    assert.deepEqual(seed, bridge.prngSeed)
    assert.deepEqual(codec.finish(), NOTHING)
  })

  test('in whatever chopping, also of the hour before and after', async () => {
    for (const hours of [-1, 0, 1]) {
      const bridge = createTestBridge({ seed: hours })
      const hello = knowingClient(bridge).hello()
      bridge.clock.setWallClock(bridge.clock.now() + hours * 3_600_000)
      const codec = accept(bridge)
      let step = NOTHING
      for (const byte of hello) {
        assert.deepEqual(step, NOTHING)
        step = codec.receive(Buffer.of(byte))
      }
      assert.equal((await perform(codec, step)).established, true)
    }
  })
})

describe('silence until the deadline of the bridge', () => {
  test('for a hello of two hours ago', async () => {
    const bridge = createTestBridge()
    const hello = knowingClient(bridge).hello()
    bridge.clock.setWallClock(bridge.clock.now() + 2 * 3_600_000)
    const codec = accept(bridge)
    assert.deepEqual(codec.receive(hello), NOTHING)
    await assertSilent(bridge, codec, 'PT_HANDSHAKE_FAILED')
  })

  test('for random bytes past the longest hello, and for a hello with a byte after it', async () => {
    const bridge = createTestBridge()
    const noise = accept(bridge)
    assert.deepEqual(noise.receive(bridge.random.fill(Buffer.alloc(8191))), NOTHING)
    assert.equal(noise.finish().close?.code, 'PT_TRUNCATED')
    assert.deepEqual(noise.receive(Buffer.alloc(1)), NOTHING)
    await assertSilent(bridge, noise, 'PT_HANDSHAKE_FAILED')
    const chatty = accept(bridge)
    assert.deepEqual(chatty.receive(Buffer.concat([knowingClient(bridge).hello(), Buffer.alloc(9000)])), NOTHING)
    await assertSilent(bridge, chatty, 'PT_HANDSHAKE_FAILED')
    assert.equal(bridge.replayFilter.size, 0)
  })

  test('for a replay, also while the first is still being recorded', async () => {
    const writes: (() => void)[] = []
    const bridge = createTestBridge({ write: () => new Promise((resolve) => writes.push(resolve)) })
    const hello = knowingClient(bridge).hello()
    const first = accept(bridge)
    const pending = first.receive(hello)
    const second = accept(bridge)
    assert.deepEqual(second.receive(hello), NOTHING)
    await assertSilent(bridge, second, 'PT_REPLAY')
    writes[0]!()
    assert.equal((await perform(first, pending)).established, true)
    const third = accept(bridge)
    assert.deepEqual(third.receive(hello), NOTHING)
    await assertSilent(bridge, third, 'PT_REPLAY')
    assert.equal(bridge.takenCount, 1)
  })

  test('when the filter cannot be written, which is reported with its cause', async () => {
    const failure = new Error('disk full')
    const errors: PtError[] = []
    const bridge = {
      ...createTestBridge({ write: () => Promise.reject(failure) }),
      onFilterError: (error: PtError) => void errors.push(error),
    }
    const codec = accept(bridge)
    const hello = knowingClient(bridge).hello()
    assert.deepEqual(await perform(codec, codec.receive(hello)), NOTHING)
    assert.deepEqual(
      errors.map(({ code }) => code),
      ['PT_REPLAY_FILTER_WRITE'],
    )
    assert.equal(errors[0]!.cause, failure)
    await assertSilent(bridge, codec, 'PT_REPLAY_FILTER_WRITE')
    const again = accept(bridge)
    assert.deepEqual(again.receive(hello), NOTHING)
    await assertSilent(bridge, again, 'PT_REPLAY')
  })

  test('when the filter is full of live entries, which is reported', async () => {
    const bridge = createTestBridge()
    const hour = epochHourOf(bridge.clock.now())
    const tag = Buffer.alloc(16)
    for (let index = 0; index < REPLAY_SLOT_COUNT; index++) {
      tag.writeUInt32LE(index)
      bridge.replayFilter.insert(tag, hour, hour)
    }
    const codec = accept(bridge)
    assert.deepEqual(codec.receive(knowingClient(bridge).hello()), NOTHING)
    assert.deepEqual(bridge.filterErrors, ['PT_REPLAY_FILTER_FULL'])
    await assertSilent(bridge, codec, 'PT_REPLAY_FILTER_FULL')
  })

  test('for a key of low order, which takes no answer though mark and MAC are right', async () => {
    const bridge = createTestBridge()
    const lowOrder = Buffer.alloc(32)
    assert.deepEqual(representativeToPublicKey(lowOrder), Buffer.alloc(32))
    const client = new ClientHandshake({
      bridge: bridge.identity,
      keyPair: { ...makeSessionKeyPair(bridge.random), representative: lowOrder },
      padding: { fill: (pad) => void bridge.random.fill(pad), accepts: () => true },
      epochHour: epochHourOf(bridge.clock.now()),
      random: bridge.random,
    })
    const codec = accept(bridge)
    assert.deepEqual(await perform(codec, codec.receive(client.hello())), NOTHING)
    await assertSilent(bridge, codec, 'PT_HANDSHAKE_FAILED')
  })

  test('for a hello that is whole only after 30 s', async () => {
    const bridge = createTestBridge()
    const codec = accept(bridge)
    const hello = knowingClient(bridge).hello()
    codec.receive(hello.subarray(0, -1))
    await bridge.clock.advance(29_999)
    const punctual = accept(bridge)
    punctual.receive(hello.subarray(0, -1))
    await bridge.clock.advance(1)
    assert.deepEqual(codec.receive(hello.subarray(-1)), NOTHING)
    assert.ok(punctual.receive(hello.subarray(-1)).pending)
    await assertSilent(bridge, codec, 'PT_HANDSHAKE_TIMEOUT')
  })

  test('and the deadline ends also a client whose record does not come to an end', async () => {
    const bridge = createTestBridge({ write: () => new Promise(() => undefined) })
    const codec = accept(bridge)
    assert.ok(codec.receive(knowingClient(bridge).hello()).pending)
    assert.equal(codec.wake().close?.code, 'PT_HANDSHAKE_TIMEOUT')
  })
})

describe('the first word of a server', () => {
  async function answered(): Promise<{ bridge: TestBridge; codec: ServerCodec; speak: () => Step }> {
    const bridge = createTestBridge({ seed: 'first word' })
    const codec = accept(bridge)
    const client = knowingClient(bridge)
    const step = await perform(codec, codec.receive(client.hello()))
    assert.equal(step.established, true)
    return { bridge, codec, speak: () => codec.receive(Buffer.alloc(1)) }
  }

  test('comes a gap after the answer, and later words at once', async () => {
    const { codec } = await answered()
    const [gap, word] = codec.send([Buffer.from('banner')]).wire!
    assert.equal(gap!.bytes.length, 0)
    assert.ok(gap!.delayMs! >= 10 && gap!.delayMs! <= 30, `a gap of ${gap!.delayMs} ms`)
    assert.ok(word!.bytes.length > 0)
    assert.equal(
      codec.send([Buffer.from('more')]).wire!.every(({ bytes }) => bytes.length > 0),
      true,
    )
  })

  test('comes at once when the client has spoken, or the gap is over', async () => {
    const spoken = await answered()
    spoken.speak()
    assert.ok(spoken.codec.send([Buffer.from('x')]).wire![0]!.bytes.length > 0)
    const late = await answered()
    await late.bridge.clock.advance(31)
    const { wire } = late.codec.send([Buffer.from('x')])
    assert.ok(wire![0]!.bytes.length > 0)
  })
})
