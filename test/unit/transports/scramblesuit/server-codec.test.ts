import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NOTHING, type Step } from '../../../../src/core/codec.ts'
import { REPLAY_SLOT_COUNT } from '../../../../src/crypto/replay-filter.ts'
import { TICKET_LIFE_MS } from '../../../../src/transports/scramblesuit/constants.ts'
import {
  deriveSessionKeys,
  epochHourOf,
  makeMessage,
  ticketMac,
} from '../../../../src/transports/scramblesuit/handshake.ts'
import { PacketEncoder } from '../../../../src/transports/scramblesuit/packet-encoder.ts'
import { ServerCodec } from '../../../../src/transports/scramblesuit/server-codec.ts'
import type { NewTicket, TicketKeys } from '../../../../src/transports/scramblesuit/ticket-keys.ts'
import { perform, wireOf } from '../../../support/codec-steps.ts'
import {
  SILENCE_MS,
  type TestBridge,
  type TestClient,
  createTestBridge,
  createTestClient,
  testKeyPair,
} from '../../../support/scramblesuit-bridge.ts'

function accept(bridge: TestBridge): ServerCodec {
  const codec = new ServerCodec(bridge)
  assert.deepEqual(codec.start(), { wakeAt: bridge.clock.monotonic() + SILENCE_MS })
  return codec
}

async function helloOf({ codec }: TestClient): Promise<Buffer> {
  return wireOf(await perform(codec, codec.start()))
}

const agreementOf = (bridge: TestBridge): Promise<Buffer> => helloOf(createTestClient(bridge))

function redemptionOf(bridge: TestBridge, ticket: NewTicket): Buffer {
  const mac = ticketMac(deriveSessionKeys(ticket.masterKey))
  return makeMessage(ticket.ticket, mac, epochHourOf(bridge.clock.now()), bridge.random)
}

/** Asserts that a codec, whatever it was told, keeps silent until its deadline and then gives `code`. */
async function assertSilent(bridge: TestBridge, codec: ServerCodec, code: string): Promise<void> {
  for (const bytes of [Buffer.alloc(1), Buffer.alloc(20_000, 1), await agreementOf(bridge)])
    assert.deepEqual(codec.receive(bytes), NOTHING)
  assert.deepEqual(codec.send([Buffer.from('x')]), NOTHING)
  assert.equal(codec.finish().close?.code, code)
  const { close, ...rest } = codec.wake()
  assert.equal(close?.code, code)
  assert.deepEqual(rest, {})
}

async function silentWith(bridge: TestBridge, hello: Buffer, code: string): Promise<void> {
  const codec = accept(bridge)
  assert.deepEqual(codec.receive(hello), NOTHING)
  await assertSilent(bridge, codec, code)
}

describe('a client that knows the password', () => {
  test('is answered once its MAC is in the filter, and given ticket and seed apart, 10 to 30 ms later', async () => {
    let replenishedCount = 0
    const bridge = { ...createTestBridge(), replenishKeyPairs: () => void (replenishedCount += 1) }
    const codec = accept(bridge)
    const client = createTestClient(bridge)
    const pending = codec.receive(await helloOf(client))
    assert.deepEqual([Object.keys(pending), replenishedCount], [['pending'], 0])
    const step = await perform(codec, pending)
    assert.equal(replenishedCount, 1)
    assert.equal(step.established, true)
    assert.equal(step.wire?.length, 1)
    assert.equal(client.codec.receive(wireOf(step)).established, true)
    const wait = step.wakeAt! - bridge.clock.monotonic()
    assert.ok(wait >= 10 && wait <= 30, String(wait))
    const greeting = codec.wake()
    assert.equal(greeting.wire?.length, 2)
    assert.deepEqual(client.codec.receive(wireOf(greeting)), NOTHING)
    assert.equal(client.tickets.length, 1)
    assert.ok(bridge.ticketKeys.open(client.tickets[0]!.ticket, bridge.clock.now()))
    assert.equal(greeting.wakeAt, undefined)
    assert.deepEqual(codec.finish(), NOTHING)
  })

  test('is given ticket and seed as soon as it speaks', async () => {
    const bridge = createTestBridge()
    const codec = accept(bridge)
    const client = createTestClient(bridge)
    client.codec.receive(wireOf(await perform(codec, codec.receive(await helloOf(client)))))
    const step = codec.receive(wireOf(client.codec.send([Buffer.from('hello')])))
    assert.equal(String(step.data), 'hello')
    assert.equal(step.wire?.length, 2)
    assert.equal(step.wakeAt, null)
    client.codec.receive(wireOf(step))
    assert.equal(client.tickets.length, 1)
  })

  test('in whatever chopping, also of the hour before and after, and its answer is for its own hour', async () => {
    for (const hours of [-1, 0, 1]) {
      const bridge = createTestBridge({ seed: hours })
      const client = createTestClient(bridge)
      const hello = await helloOf(client)
      bridge.clock.setWallClock(bridge.clock.now() + hours * 3_600_000)
      const codec = accept(bridge)
      let step: Step = NOTHING
      for (const byte of hello) {
        assert.deepEqual(step, NOTHING)
        step = codec.receive(Buffer.of(byte))
      }
      assert.equal(client.codec.receive(wireOf(await perform(codec, step))).established, true)
    }
  })
})

describe('a client with a ticket', () => {
  test('is taken without an answer and given the next ticket at once, with what it sent behind its message', async () => {
    const bridge = createTestBridge()
    const issued = bridge.ticketKeys.issue(bridge.clock.now())
    const client = createTestClient(bridge, { ticket: issued })
    const codec = accept(bridge)
    const step = await perform(codec, codec.receive(await helloOf(client)))
    assert.equal(step.established, true)
    assert.equal(step.wakeAt, null)
    assert.equal(step.wire?.length, 2)
    assert.equal(client.codec.receive(wireOf(step)).established, true)
    assert.equal(client.tickets.length, 1)
    assert.equal(bridge.takenCount, 0)
    const { data } = codec.receive(wireOf(client.codec.send([Buffer.from('resumed')])))
    assert.equal(String(data), 'resumed')
    assert.equal(codec.send([Buffer.from('word')]).wire?.length, 1)
  })

  test('may send packets right behind its message', async () => {
    const bridge = createTestBridge()
    const issued = bridge.ticketKeys.issue(bridge.clock.now())
    const hello = redemptionOf(bridge, issued)
    const early = new PacketEncoder(deriveSessionKeys(issued.masterKey).clientToServer).encode([Buffer.alloc(5000, 7)])
    for (const cut of [hello.length, hello.length + 1, hello.length + early.length]) {
      const fresh = createTestBridge()
      const codec = accept(fresh)
      const whole = Buffer.concat([hello, early])
      const step = await perform(codec, codec.receive(whole.subarray(0, cut)))
      const later = codec.receive(whole.subarray(cut))
      assert.deepEqual(
        Buffer.concat([step.data ?? [], later.data ?? []].map((part) => Buffer.from(part))),
        Buffer.alloc(5000, 7),
      )
    }
  })

  test('is refused the second time, also with another message for the same ticket', async () => {
    const bridge = createTestBridge()
    const issued = bridge.ticketKeys.issue(bridge.clock.now())
    const hello = redemptionOf(bridge, issued)
    const first = accept(bridge)
    assert.equal((await perform(first, first.receive(hello))).established, true)
    for (const again of [hello, redemptionOf(bridge, issued)]) {
      const codec = accept(bridge)
      assert.deepEqual(codec.receive(again), NOTHING)
      await assertSilent(bridge, codec, 'PT_REPLAY')
    }
    bridge.clock.setWallClock(bridge.clock.now() + TICKET_LIFE_MS - 60_000)
    const late = accept(bridge)
    assert.deepEqual(late.receive(redemptionOf(bridge, issued)), NOTHING)
    await assertSilent(bridge, late, 'PT_REPLAY')
  })

  test('is unknown once the ticket has expired, or its key is gone', async () => {
    const bridge = createTestBridge()
    const issued = bridge.ticketKeys.issue(bridge.clock.now())
    const { ticketKeys } = createTestBridge({ seed: 'other keys' })
    const changed = accept({ ...bridge, ticketKeys })
    // Only its length tells that it is no UniformDH handshake either.
    assert.deepEqual(changed.receive(Buffer.concat([redemptionOf(bridge, issued), Buffer.alloc(1532)])), NOTHING)
    await assertSilent(bridge, changed, 'PT_HANDSHAKE_FAILED')
    bridge.clock.setWallClock(bridge.clock.now() + TICKET_LIFE_MS)
    const expired = accept(bridge)
    assert.deepEqual(expired.receive(redemptionOf(bridge, issued)), NOTHING)
    assert.equal(expired.finish().close?.code, 'PT_TRUNCATED')
  })

  test('goes without a next ticket while none is issued, but not without the seed', async () => {
    const bridge = createTestBridge({ issueTicket: () => undefined })
    const issued = bridge.ticketKeys.issue(bridge.clock.now())
    const client = createTestClient(bridge, { ticket: issued })
    const codec = accept(bridge)
    const step = await perform(codec, codec.receive(await helloOf(client)))
    assert.equal(step.wire?.length, 1)
    assert.equal(client.codec.receive(wireOf(step)).established, true)
    assert.equal(client.tickets.length, 0)
  })
})

describe('silence until the deadline of the bridge', () => {
  test('for a hello of two hours ago, and one of another password', async () => {
    const bridge = createTestBridge()
    const hello = await agreementOf(bridge)
    bridge.clock.setWallClock(bridge.clock.now() + 2 * 3_600_000)
    const late = accept(bridge)
    assert.deepEqual(late.receive(hello), NOTHING)
    await assertSilent(bridge, late, 'PT_HANDSHAKE_FAILED')
    const stranger = accept(bridge)
    const other = await agreementOf({ ...bridge, password: Buffer.alloc(20) })
    assert.deepEqual(stranger.receive(Buffer.concat([other, Buffer.alloc(1532)])), NOTHING)
    await assertSilent(bridge, stranger, 'PT_HANDSHAKE_FAILED')
    assert.equal(bridge.takenCount, 0, 'no secret is computed for them')
  })

  test('for bytes one by one, which are looked at as a ticket once', async () => {
    const bridge = createTestBridge()
    let openedCount = 0
    const open: TicketKeys['open'] = (...args) => ((openedCount += 1), bridge.ticketKeys.open(...args))
    const ticketKeys = { open } as TicketKeys
    const codec = accept({ ...bridge, ticketKeys })
    for (const byte of bridge.random.fill(Buffer.alloc(1532))) assert.deepEqual(codec.receive(Buffer.of(byte)), NOTHING)
    assert.equal(openedCount, 1)
    await assertSilent(bridge, codec, 'PT_HANDSHAKE_FAILED')
  })

  test('for random bytes past the longest hello', async () => {
    const bridge = createTestBridge()
    const noise = accept(bridge)
    assert.deepEqual(noise.receive(bridge.random.fill(Buffer.alloc(1531))), NOTHING)
    assert.equal(noise.finish().close?.code, 'PT_TRUNCATED')
    assert.deepEqual(noise.receive(Buffer.alloc(1)), NOTHING)
    await assertSilent(bridge, noise, 'PT_HANDSHAKE_FAILED')
  })

  test('for a replay, also while the first is still being recorded', async () => {
    const writes: (() => void)[] = []
    const bridge = createTestBridge({ write: () => new Promise((resolve) => writes.push(resolve)) })
    const hello = await agreementOf(bridge)
    const first = accept(bridge)
    const pending = first.receive(hello)
    const second = accept(bridge)
    assert.deepEqual(second.receive(hello), NOTHING)
    await assertSilent(bridge, second, 'PT_REPLAY')
    writes[0]!()
    assert.equal((await perform(first, pending)).established, true)
    assert.equal(bridge.takenCount, 1)
  })

  test('when the filter cannot be written, which is reported', async () => {
    const bridge = createTestBridge({ write: () => Promise.reject(new Error('disk full')) })
    const issued = bridge.ticketKeys.issue(bridge.clock.now())
    for (const hello of [await agreementOf(bridge), redemptionOf(bridge, issued)]) {
      const codec = accept(bridge)
      assert.deepEqual(await perform(codec, codec.receive(hello)), NOTHING)
      await assertSilent(bridge, codec, 'PT_REPLAY_FILTER_WRITE')
    }
    assert.deepEqual(bridge.filterErrors, ['PT_REPLAY_FILTER_WRITE', 'PT_REPLAY_FILTER_WRITE'])
  })

  test('when a filter is full of live entries, which is reported and costs its kind of handshake alone', async () => {
    const bridge = createTestBridge()
    const hour = epochHourOf(bridge.clock.now())
    const tag = Buffer.alloc(16)
    for (let index = 0; index < REPLAY_SLOT_COUNT; index++) {
      tag.writeUInt32LE(index)
      bridge.redeemedTickets.insert(tag, hour + 168, hour)
    }
    const codec = accept(bridge)
    const issued = bridge.ticketKeys.issue(bridge.clock.now())
    assert.deepEqual(codec.receive(redemptionOf(bridge, issued)), NOTHING)
    assert.deepEqual(bridge.filterErrors, ['PT_REPLAY_FILTER_FULL'])
    await assertSilent(bridge, codec, 'PT_REPLAY_FILTER_FULL')
    assert.ok(accept(bridge).receive(await agreementOf(bridge)).pending)
  })

  test('also for a replay when others need its place, as long as it could be valid', async () => {
    const bridge = createTestBridge()
    const hour = epochHourOf(bridge.clock.now())
    const ahead = () => bridge.clock.setWallClock(bridge.clock.now() + 3_600_000)
    const issued = bridge.ticketKeys.issue(bridge.clock.now())
    ahead()
    const ofNextHour = await agreementOf(bridge)
    bridge.clock.setWallClock(bridge.clock.now() - 3_600_000)
    const redemption = redemptionOf(bridge, issued)
    for (const hello of [ofNextHour, redemption]) assert.ok(accept(bridge).receive(hello).pending)
    const tag = Buffer.alloc(16)
    for (let index = 1; index < REPLAY_SLOT_COUNT; index++) {
      tag.writeUInt32LE(index)
      bridge.replayFilter.insert(tag, hour + 2, hour)
      bridge.redeemedTickets.insert(tag, hour + 168, hour)
    }
    for (let hours = 0; hours < 2; hours++) ahead()
    const late = await agreementOf(bridge)
    for (const hello of [late, redemptionOf(bridge, bridge.ticketKeys.issue(bridge.clock.now()))])
      await silentWith(bridge, hello, 'PT_REPLAY_FILTER_FULL')
    await silentWith(bridge, ofNextHour, 'PT_REPLAY')
    await silentWith(bridge, redemptionOf(bridge, issued), 'PT_REPLAY')
  })

  test('for a value that gives no secret, though mark and MAC are right', async () => {
    const bridge = createTestBridge()
    const one = Buffer.alloc(192)
    one[191] = 1
    const takeKeyPair = () => ({ ...testKeyPair(0), publicValue: one })
    const hello = await helloOf(createTestClient(bridge, { takeKeyPair }))
    const codec = accept(bridge)
    assert.deepEqual(await perform(codec, codec.receive(hello)), NOTHING)
    await assertSilent(bridge, codec, 'PT_HANDSHAKE_FAILED')
  })

  test('for a hello that is whole only after 30 s, and the deadline ends a record that does not', async () => {
    const bridge = createTestBridge({ write: () => new Promise(() => {}) })
    const hello = await agreementOf(bridge)
    const late = accept(bridge)
    late.receive(hello.subarray(0, -1))
    await bridge.clock.advance(29_999)
    const punctual = accept(bridge)
    await bridge.clock.advance(1)
    assert.deepEqual(late.receive(hello.subarray(-1)), NOTHING)
    await assertSilent(bridge, late, 'PT_HANDSHAKE_TIMEOUT')
    assert.ok(punctual.receive(hello).pending)
    assert.equal(punctual.wake().close?.code, 'PT_HANDSHAKE_TIMEOUT')
  })
})

describe('the first word of a server', () => {
  async function answered() {
    const bridge = createTestBridge()
    await bridge.clock.advance(5000)
    const codec = accept(bridge)
    const client = createTestClient(bridge)
    client.codec.receive(wireOf(await perform(codec, codec.receive(await helloOf(client)))))
    return { bridge, codec, client }
  }

  test('comes a gap after the answer, behind ticket and seed, and is followed by padding until the client speaks', async () => {
    const { codec, client, bridge } = await answered()
    assert.deepEqual(codec.send([Buffer.alloc(0)]), NOTHING)
    const step = codec.send([Buffer.from('banner')])
    const [gap, ...others] = step.wire!
    assert.equal(gap!.bytes.length, 0)
    assert.ok(gap!.delayMs! >= 10 && gap!.delayMs! <= 30, `a gap of ${gap!.delayMs} ms`)
    assert.equal(others.length, 3)
    assert.equal(String(client.codec.receive(wireOf(step)).data), 'banner')
    assert.equal(client.tickets.length, 1)
    assert.ok(step.wakeAt! >= bridge.clock.monotonic() + 250)
    const nudge = codec.wake()
    assert.deepEqual(client.codec.receive(wireOf(nudge)), NOTHING)
    assert.ok(nudge.wakeAt! > bridge.clock.monotonic())
    codec.receive(wireOf(client.codec.send([Buffer.from('x')])))
    assert.deepEqual(codec.wake(), NOTHING)
  })

  test('comes at once when the gap is over', async () => {
    const { codec, bridge } = await answered()
    await bridge.clock.advance(31)
    codec.wake()
    const { wire } = codec.send([Buffer.from('x')])
    assert.equal(wire?.length, 1)
  })

  test('a server that ends has nothing more to say', async () => {
    const { codec, client } = await answered()
    assert.deepEqual(codec.end(), { wakeAt: null })
    const { wire, data } = codec.receive(wireOf(client.codec.send([Buffer.from('late')])))
    assert.deepEqual([String(data), wire], ['late', undefined])
  })
})
