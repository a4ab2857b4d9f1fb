import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Connection } from '../../src/core/connection.ts'
import type { ClientFactory, ServerFactory } from '../../src/core/transport.ts'
import { turn } from '../../src/testing/fake-clock.ts'
import type { Link } from '../../src/testing/memory-network.ts'
import { type MemoryPlatform, createMemoryPlatform } from '../../src/testing/memory-platform.ts'
import { plain } from '../../src/testing/plain.ts'
import { obfs4 } from '../../src/transports/obfs4/index.ts'
import { fuzz } from '../support/fuzz.ts'
import { type Action, RandomApplication, actions } from '../support/random-application.ts'

type Event =
  | { readonly on: 'client' | 'server'; readonly action: Action }
  | { readonly on: 'clock'; readonly ms: number }
  | { readonly on: 'loop' }
  | { readonly on: 'wire'; readonly toServer: boolean; readonly what: 'hold' | 'release' | 'cut' | 'reset' | 'flip' }

const events: fc.Arbitrary<Event> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ on: fc.constantFrom('client' as const, 'server' as const), action: actions }) },
  {
    weight: 3,
    arbitrary: fc.record({ on: fc.constant('clock' as const), ms: fc.constantFrom(0, 1, 20, 1000, 61_000) }),
  },
  { weight: 4, arbitrary: fc.record({ on: fc.constant('loop' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      on: fc.constant('wire' as const),
      toServer: fc.boolean(),
      what: fc.constantFrom('hold' as const, 'release' as const, 'cut' as const, 'reset' as const, 'flip' as const),
    }),
  },
)

const plays = fc.record({
  seed: fc.nat(),
  longest: fc.constantFrom(0, 1000, 30_000),
  allowHalfOpen: fc.boolean(),
  events: fc.array(events, { minLength: 1, maxLength: 40 }),
})

interface Stage {
  readonly platform: MemoryPlatform
  readonly client: ClientFactory
  readonly server: ServerFactory
}

async function play(
  { platform, client, server }: Stage,
  { seed, longest, allowHalfOpen, events }: Parameters<Parameters<typeof plays.map>[0]>[0],
  hasIntegrity: boolean,
): Promise<void> {
  const { network, clock } = platform
  let link: Link | undefined
  let flipped = false
  network.onLink = (made) => {
    link = made
    if (longest > 0) for (const wire of [made.toServer, made.toClient]) wire.chopRandomly(platform.random, longest)
  }
  const listener = server.listen({ host: '127.0.0.1', port: 1 + (seed % 60_000), allowHalfOpen })
  const accepted: RandomApplication[] = []
  listener.on('connection', (connection: Connection) => void accepted.push(new RandomApplication(connection)))
  await clock.settle()
  const near = new RandomApplication(client.connect({ host: '127.0.0.1', port: 1 + (seed % 60_000), allowHalfOpen }))
  for (const event of events) {
    if (event.on === 'clock') await clock.advance(event.ms)
    else if (event.on === 'loop') await turn()
    else if (event.on === 'wire') {
      const wire = event.toServer ? link?.toServer : link?.toClient
      if (event.what === 'cut') wire?.truncate(wire.sentLength)
      else if (event.what === 'reset') wire?.truncate(wire.sentLength, 'reset')
      else if (event.what === 'flip') {
        wire?.flip(wire.sentLength + 5)
        flipped = true
      } else wire?.[event.what]()
    } else (event.on === 'client' ? near : accepted[0])?.do(event.action)
  }
  for (const wire of link === undefined ? [] : [link.toServer, link.toClient]) wire.release()
  for (const { connection } of [near, ...accepted]) {
    connection.resume()
    while (connection.writableCorked > 0) connection.uncork()
  }
  await clock.advance(1000)
  const calm = allowHalfOpen && events.every(isCalm)
  if (calm) assert.equal(accepted.length, 1, 'the client gets through')
  for (const { connection } of [near, ...accepted]) {
    if (calm) assert.equal(connection.destroyed, near.ended && accepted[0]!.ended, 'it closes when both have ended')
    connection.destroy()
  }
  listener.close()
  listener.closeAllConnections()
  await clock.advance(300_000)
  for (const each of [near, ...accepted]) each.check()
  assert.equal(clock.timerCount, 0, 'timers are left')
  assert.equal(network.openStreamCount, 0, 'streams are left')
  assert.equal(network.bindingCount, 0, 'an address is left')
  network.links.length = 0
  assert.ok(accepted.length <= 1)
  if (!hasIntegrity && flipped) return
  const far = accepted[0]
  for (const [from, to] of far === undefined ? [] : [[near, far] as const, [far, near] as const]) {
    const received = Buffer.concat(to.received)
    const sent = Buffer.concat(from.sent)
    const expected = sent.subarray(0, received.length)
    assert.ok(received.equals(expected), 'what arrives is what was sent')
    if (calm) assert.equal(received.length, sent.length, 'it arrives whole')
  }
}

/** Whether an event harms no connection that may be half-open. */
function isCalm(event: Event): boolean {
  if (event.on === 'clock') return event.ms <= 1000
  if (event.on === 'wire') return event.what === 'hold' || event.what === 'release'
  return !('action' in event && ['destroy', 'fail', 'reset', 'soon'].includes(event.action.name))
}

function stageOf(name: 'plain' | 'obfs4'): Stage {
  const platform = createMemoryPlatform({ seed: name, capacity: 20_000 })
  if (name === 'plain')
    return { platform, client: plain.client({}, { platform }), server: plain.server({}, { platform }) }
  const nodeId = Buffer.alloc(20, 1)
  const server = obfs4.server({ nodeId, privateKey: Buffer.alloc(32, 2), drbgSeed: Buffer.alloc(24, 3) }, { platform })
  const publicKey = Buffer.from('ce8d3ad1ccb633ec7b70c17814a5c76ecd029685050d344745ba05870e587d59', 'hex')
  return { platform, client: obfs4.client({ nodeId, publicKey }, { platform }), server }
}

fuzz(
  'a bare connection keeps the rules of a socket, whatever both sides do',
  plays,
  async (example) => {
    await play(stageOf('plain'), example, false)
  },
  { share: 0.8 },
)

fuzz(
  'an obfs4 connection keeps the rules of a socket, whatever both sides do',
  plays,
  async (example) => {
    await play(stageOf('obfs4'), example, true)
  },
  { share: 0.8 },
)
