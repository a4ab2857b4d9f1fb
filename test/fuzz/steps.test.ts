import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Step } from '../../src/core/codec.ts'
import type { Connection } from '../../src/core/connection.ts'
import { PtError } from '../../src/core/errors.ts'
import { FakeClock, turn } from '../../src/testing/fake-clock.ts'
import { bytes, fuzz } from '../support/fuzz.ts'
import { type Action, RandomApplication, actions } from '../support/random-application.ts'
import { clientScene, serverScene } from '../support/scripted-connection.ts'

/** What a codec answers: parts of a step that a test can print. */
interface Plan {
  readonly wire: readonly { readonly bytes: Buffer; readonly delayMs: number }[] | undefined
  readonly data: Buffer | undefined
  readonly established: boolean
  readonly wakeInMs: number | null | undefined
  readonly effect: 'none' | 'at once' | 'later' | 'fails' | 'never'
  readonly closes: boolean
}

const rarely = fc.nat(19).map((draw) => draw === 0)
const plans: fc.Arbitrary<Plan> = fc.record({
  wire: fc.option(fc.array(fc.record({ bytes: bytes(40_000), delayMs: fc.constantFrom(0, 0, 3) }), { maxLength: 4 }), {
    nil: undefined,
  }),
  data: fc.option(bytes(5000), { nil: undefined }),
  established: fc.boolean(),
  wakeInMs: fc.constantFrom(undefined, undefined, undefined, null, 0, 5, 70),
  effect: fc.constantFrom(
    'none' as const,
    'none' as const,
    'none' as const,
    'at once' as const,
    'later' as const,
    'fails' as const,
  ),
  closes: rarely,
})

type Event =
  | { readonly on: 'application'; readonly action: Action }
  | { readonly on: 'clock'; readonly ms: number }
  | { readonly on: 'loop' | 'serve' | 'peer end' | 'peer reset' | 'hold' | 'release' }
  | { readonly on: 'peer'; readonly bytes: Buffer }

const events: fc.Arbitrary<Event> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ on: fc.constant('application' as const), action: actions }) },
  { weight: 6, arbitrary: fc.record({ on: fc.constant('peer' as const), bytes: bytes(2000) }) },
  { weight: 4, arbitrary: fc.record({ on: fc.constant('clock' as const), ms: fc.constantFrom(0, 2, 100, 10_000) }) },
  { weight: 5, arbitrary: fc.record({ on: fc.constantFrom('loop' as const, 'serve' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      on: fc.constantFrom('peer end' as const, 'peer reset' as const, 'hold' as const, 'release' as const),
    }),
  },
)

const examples = fc.record({
  isServer: fc.boolean(),
  allowHalfOpen: fc.boolean(),
  capacity: fc.constantFrom(1, 65_536),
  plans: fc.array(plans, { minLength: 1, maxLength: 12 }),
  events: fc.array(events, { minLength: 1, maxLength: 30 }),
})

/** A codec that follows its plans, over and over, and checks that the Connection keeps the rules. */
function createScript(planned: readonly Plan[], clock: FakeClock, faults: string[]) {
  let count = 0
  let established = false
  let pending = false
  let closed = false
  const next = (what: string): Step => {
    if (closed) faults.push(`${what} after close`)
    if (pending && what !== 'wake' && what !== 'settle') faults.push(`${what} while an effect is under way`)
    if (what === 'settle') pending = false
    const plan = planned[count++ % planned.length]!
    const step: { -readonly [Key in keyof Step]: Step[Key] } = {}
    if (plan.wire !== undefined) step.wire = plan.wire
    if (plan.wakeInMs !== undefined) {
      step.wakeAt = plan.wakeInMs === null || count > 200 ? null : clock.monotonic() + plan.wakeInMs
    }
    if (plan.established && !established) {
      established = true
      step.established = true
    }
    if (plan.data !== undefined && established) step.data = plan.data
    if (plan.closes) {
      closed = true
      step.close = new PtError('PT_FRAME_INVALID', 'planned')
    } else if (plan.effect !== 'none' && !pending && count < 200) {
      pending = true
      step.pending = (signal) => effectOf(plan.effect, signal, clock)
    }
    return step
  }
  return {
    start: () => {
      const { wakeAt: _wakeAt, ...step } = next('start')
      return step
    },
    receive: () => next('receive'),
    send: () => {
      if (!established) faults.push('send before established')
      return next('send')
    },
    end: () => next('end'),
    finish: () => next('finish'),
    wake: () => next('wake'),
    settle: () => next('settle'),
  }
}

function effectOf(effect: Plan['effect'], signal: AbortSignal, clock: FakeClock): Promise<unknown> {
  if (effect === 'fails') return Promise.reject(new Error('planned'))
  if (effect === 'at once') return Promise.resolve(1)
  return new Promise((resolve, reject) => {
    const settle = (): void => signal.removeEventListener('abort', onAbort)
    const timer = clock.setTimer(() => {
      settle()
      resolve(1)
    }, 30)
    const onAbort = (): void => {
      settle()
      timer.cancel()
      reject(new Error('aborted'))
    }
    signal.addEventListener('abort', onAbort)
  })
}

fuzz(
  'a connection keeps the rules of a socket, and those of its codec, whatever the codec asks for',
  examples,
  async ({ isServer, allowHalfOpen, capacity, plans: planned, events: happening }) => {
    const faults: string[] = []
    const clock = new FakeClock()
    const start = { ...planned[0]!, effect: 'none' as const }
    const script = createScript([start, ...planned.slice(1)], clock, faults)
    let application!: RandomApplication
    const onCreated = (connection: Connection): void => void (application = new RandomApplication(connection))
    const settings = { allowHalfOpen, capacity, reads: false, clock, onCreated }
    const { connection, peer, link, network } = await (isServer ? serverScene : clientScene)(script, settings)
    for (const event of happening) {
      if (event.on === 'application') application.do(event.action)
      else if (event.on === 'clock') await clock.advance(event.ms)
      else if (event.on === 'loop') await turn()
      else if (event.on === 'serve') connection.serve()
      else if (event.on === 'hold') link.toServer.hold()
      else if (event.on === 'release') link.toServer.release()
      else if (peer.destroyed || peer.writableEnded) continue
      else if (event.on === 'peer') peer.write(event.bytes)
      else if (event.on === 'peer end') peer.end()
      else peer.resetAndDestroy()
    }
    await clock.advance(1000)
    connection.resume()
    connection.destroy()
    peer.destroy()
    await clock.advance(200_000)
    assert.deepEqual(faults, [])
    application.check()
    assert.equal(clock.timerCount, 0, 'timers are left')
    assert.equal(network.openStreamCount, 0, 'streams are left')
  },
  { share: 0.8 },
)
