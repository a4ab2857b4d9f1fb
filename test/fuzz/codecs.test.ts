import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Codec, Outcome, Step } from '../../src/core/codec.ts'
import { createLog } from '../../src/core/log.ts'
import { ReplayFilter, createReplayFile } from '../../src/crypto/replay-filter.ts'
import { createMemoryPlatform } from '../../src/testing/memory-platform.ts'
import { Obfs4Client } from '../../src/transports/obfs4/client.ts'
import { ServerCodec } from '../../src/transports/obfs4/server-codec.ts'
import { bytes, fuzz } from '../support/fuzz.ts'
import { createTestBridge } from '../support/obfs4-bridge.ts'

const bridge = createTestBridge({ write: () => Promise.resolve() })
const platform = createMemoryPlatform({ clock: bridge.clock, seed: 'clients' })
const client = new Obfs4Client({ platform, log: createLog('obfs4') })

const turns: fc.Arbitrary<Turn[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ name: fc.constant('deliver' as const), length: fc.integer({ min: 1, max: 9000 }) }),
    },
    { weight: 1, arbitrary: fc.record({ name: fc.constant('inject' as const), noise: bytes(300) }) },
    { weight: 1, arbitrary: fc.record({ name: fc.constant('flip' as const), mask: fc.integer({ min: 1, max: 255 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({ name: fc.constant('send' as const), chunks: fc.array(bytes(3000), { maxLength: 3 }) }),
    },
    { weight: 2, arbitrary: fc.constant({ name: 'settle' as const }) },
    { weight: 1, arbitrary: fc.constant({ name: 'reject' as const }) },
    { weight: 2, arbitrary: fc.record({ name: fc.constant('wait' as const), ms: fc.nat(70_000) }) },
    { weight: 1, arbitrary: fc.constant({ name: 'finish' as const }) },
  ),
  { minLength: 5, maxLength: 60 },
)

type Turn =
  | { readonly name: 'deliver'; readonly length: number }
  | { readonly name: 'inject'; readonly noise: Buffer }
  | { readonly name: 'flip'; readonly mask: number }
  | { readonly name: 'send'; readonly chunks: readonly Buffer[] }
  | { readonly name: 'settle' | 'reject' | 'finish' }
  | { readonly name: 'wait'; readonly ms: number }

/** Keeps the rules by which the Connection uses a codec, and holds the codec to its own. */
class Driver {
  readonly codec: Codec
  /** What waits to be received. */
  incoming: Buffer = Buffer.alloc(0)
  /** What was sent on the wire, to be taken by the other side. */
  outgoing: Buffer = Buffer.alloc(0)
  /** How many bytes were sent on the wire. */
  sentLength = 0
  readonly data: Buffer[] = []
  readonly sent: Buffer[] = []
  established = false
  closed = false
  ended = false
  pending: Step['pending']
  wakeAt: number | null = null

  constructor(codec: Codec) {
    this.codec = codec
    this.#apply(codec.start())
  }

  get canFeed(): boolean {
    return !this.closed && this.pending === undefined && !this.ended
  }

  receive(length: number): void {
    if (!this.canFeed || this.incoming.length === 0) return
    const piece = Buffer.from(this.incoming.subarray(0, length))
    this.incoming = this.incoming.subarray(length)
    const before = Buffer.from(piece)
    this.#apply(this.codec.receive(piece))
    assert.deepEqual(piece, before, 'bytes that are received are not written to')
    piece.fill(0xff)
  }

  send(chunks: readonly Buffer[]): void {
    if (this.closed || this.pending !== undefined || !this.established) return
    this.sent.push(...chunks)
    this.#apply(this.codec.send(chunks))
  }

  async settle(ok: boolean): Promise<void> {
    if (this.closed || this.pending === undefined) return
    const value = await this.pending(new AbortController().signal)
    this.pending = undefined
    const outcome: Outcome = ok ? { ok, value } : { ok, error: new Error('full') }
    this.#apply(this.codec.settle!(outcome))
  }

  wake(now: number): void {
    if (this.closed || this.wakeAt === null || now < this.wakeAt) return
    this.wakeAt = null
    this.#apply(this.codec.wake!())
  }

  finish(): void {
    if (!this.canFeed) return
    this.ended = true
    this.#apply(this.codec.finish())
  }

  #apply(step: Step): void {
    if (step.close !== undefined) {
      assert.equal(step.close.name, 'PtError')
      this.closed = true
    }
    if (step.wakeAt !== undefined) this.wakeAt = step.wakeAt
    if (step.pending !== undefined) this.pending = step.pending
    if (step.established === true) {
      assert.equal(this.established, false, 'established is given once')
      this.established = true
    }
    if (step.data !== undefined) {
      assert.ok(this.established && step.data.length > 0, 'data comes from established on, and is not empty')
      this.data.push(Buffer.from(step.data))
    }
    for (const { bytes, delayMs = 0 } of step.wire ?? []) {
      assert.ok(Number.isInteger(delayMs) && delayMs >= 0 && delayMs <= 1000, `a delay of ${delayMs} ms`)
      this.outgoing = Buffer.concat([this.outgoing, bytes])
      this.sentLength += bytes.length
    }
  }
}

async function take(side: Driver, turn: Turn): Promise<void> {
  if (turn.name === 'deliver') side.receive(turn.length)
  else if (turn.name === 'inject') side.incoming = Buffer.concat([turn.noise, side.incoming])
  else if (turn.name === 'flip') {
    if (side.incoming.length > 0) side.incoming[side.incoming.length - 1]! ^= turn.mask
  } else if (turn.name === 'send') side.send(turn.chunks)
  else if (turn.name === 'settle') await side.settle(true)
  else if (turn.name === 'reject') await side.settle(false)
  else if (turn.name === 'finish') side.finish()
}

function assertPrefix(data: readonly Buffer[], sent: readonly Buffer[]): void {
  const received = Buffer.concat(data)
  assert.deepEqual(received, Buffer.concat(sent).subarray(0, received.length), 'what comes out was sent')
}

for (const iatMode of [0, 1, 2] as const) {
  fuzz(
    `both codecs keep their rules whatever happens to the wire, in iat-mode ${iatMode}`,
    fc.array(fc.tuple(fc.boolean(), turns), { minLength: 1, maxLength: 3 }),
    async (plays) => {
      const modal = { ...bridge, iatMode }
      const server = new Driver(new ServerCodec(modal))
      const options = { bridge: bridge.identity, iatMode, padding: 'uniform' } as const
      const near = new Driver(client.codec(options))
      const silentUntil = bridge.clock.monotonic() + bridge.silenceMs
      for (const [onServer, script] of plays) {
        for (const turn of script) {
          carry(near, server)
          carry(server, near)
          if (turn.name === 'wait') {
            const latest = bridge.clock.monotonic() + turn.ms
            for (const side of [server, near]) if (side.wakeAt !== null && side.wakeAt <= latest) side.wake(side.wakeAt)
            await bridge.clock.advance(turn.ms)
          } else {
            await take(onServer ? server : near, turn)
            await take(onServer ? near : server, { name: 'deliver', length: 9000 })
            await take(server, { name: 'settle' })
          }
        }
      }
      if (!server.established) {
        assert.equal(server.sentLength, 0, 'nothing goes out to whom it did not recognise')
        if (server.closed && !server.ended) assert.ok(bridge.clock.monotonic() >= silentUntil)
      }
      assertPrefix(server.data, near.sent)
      assertPrefix(near.data, server.sent)
    },
    { share: 0.5 },
  )
}

/** What a wire does that only delays: whatever lies in it is received in any pieces, what two steps sent in one piece too. */
const calmTurns = fc.array(
  fc.oneof(
    fc.record({ name: fc.constant('send' as const), chunks: fc.array(bytes(3000), { maxLength: 3 }) }),
    fc.record({ name: fc.constant('deliver' as const), length: fc.integer({ min: 1, max: 9000 }) }),
    fc.record({ name: fc.constant('deliver' as const), length: fc.constantFrom(1, 20_000, 10_000_000) }),
    fc.constant({ name: 'settle' as const }),
  ),
  { maxLength: 8 },
)

for (const iatMode of [0, 1, 2] as const) {
  fuzz(
    `whatever is written arrives whole, however the wire is cut and glued, in iat-mode ${iatMode}`,
    fc.array(fc.tuple(fc.boolean(), calmTurns), { maxLength: 8 }),
    async (plays) => {
      const server = new Driver(new ServerCodec({ ...bridge, iatMode }))
      const near = new Driver(client.codec({ bridge: bridge.identity, iatMode, padding: 'uniform' }))
      for (const [onServer, script] of plays) {
        for (const turn of script) {
          carry(near, server)
          carry(server, near)
          await take(onServer ? server : near, turn)
          // The server has its hello, and may speak, before the client reads.
          if (onServer && !server.established) {
            server.receive(Number.POSITIVE_INFINITY)
            await server.settle(true)
          }
        }
      }
      // Both answer nothing but the hello, so each has all after the second time.
      for (let round = 0; round < 2; round++) {
        carry(near, server)
        server.receive(Number.POSITIVE_INFINITY)
        await server.settle(true)
        carry(server, near)
        near.receive(Number.POSITIVE_INFINITY)
      }
      assert.ok(server.established && near.established, 'both are open')
      for (const [from, to] of [[near, server] as const, [server, near] as const]) {
        assert.ok(!to.closed)
        const [received, sent] = [Buffer.concat(to.data), Buffer.concat(from.sent)]
        assert.ok(received.equals(sent), `${received.length} of ${sent.length} bytes arrived`)
      }
    },
    { share: 0.3 },
  )
}

/** Brings what one side sent to where the other receives it. */
function carry(from: Driver, to: Driver): void {
  to.incoming = Buffer.concat([to.incoming, from.outgoing])
  from.outgoing = Buffer.alloc(0)
}

fuzz(
  'a replay filter takes any file of its form, and refuses what it has',
  fc.record({
    places: fc.array(fc.tuple(fc.nat(786_463), fc.nat(255)), { maxLength: 50 }),
    tags: fc.array(fc.uint8Array({ minLength: 16, maxLength: 16 }), { minLength: 1, maxLength: 8 }),
    hours: fc.array(fc.nat(2 ** 32 - 2), { minLength: 1, maxLength: 8 }),
  }),
  ({ places, tags, hours }) => {
    const content = createReplayFile(platform.random)
    for (const [place, value] of places) content[place] = value
    if (!ReplayFilter.validate(content)) {
      assert.throws(() => new ReplayFilter({ content }), RangeError)
      return
    }
    const filter = new ReplayFilter({ content })
    for (const [index, tag] of tags.entries()) {
      const hour = hours[index % hours.length]!
      filter.insert(tag, hour, hour)
      assert.equal(filter.insert(tag, hour, hour).verdict, 'replay')
    }
  },
  { share: 0.2 },
)
