import { EventEmitter } from 'node:events'
import { invalidOption } from '../core/options.ts'
import type { Clock } from '../core/platform.ts'
import type { Transport } from '../core/transport.ts'
import type { ChildLine } from '../ipc/parse-line.ts'
import { systemClock } from '../platform/system-clock.ts'
import type { ChildExit, ChildSetup, StartChild } from './child.ts'
import { ChildRun } from './child-run.ts'
import { DEFAULT_VERSIONS, toFlags, toVariables } from './configuration.ts'
import { Countdown } from './countdown.ts'
import { guardStart } from './guarded-start.ts'
import { type HostLog, createHostLog, exitFields, failureFields } from './host-log.ts'
import type { PtConfiguration, Supervision } from './launch-options.ts'
import { processTransport } from './process-transport.ts'
import type { Method, PtExit, PtProcess, PtProcessEvents } from './pt-process.ts'
import { StartUp } from './start-up.ts'
import { LONGEST_RESTART_DELAY_MS, type ResolvedSupervision, resolveSupervision } from './supervision.ts'

/** Events that are kept for listeners who come when supervise() has resolved; of more the oldest are dropped. */
export const MAX_EARLY_EVENTS = 100

const NO_METHODS: ReadonlyMap<string, Method> = new Map()
const NO_FAILURES: ReadonlyMap<string, string> = new Map()

/**
 * Starts a child and keeps it running. Resolves when its methods are known. Rejects, once the child is gone, with PtError PT_HOST_EXITED, PT_HOST_TIMEOUT, PT_HOST_GRAMMAR,
 * PT_HOST_VERSION, PT_HOST_PROXY or PT_HOST_FAILED, or with the signal's reason; before anything is started, with PT_OPTION_INVALID. After the first start the signal stops it.
 */
export async function supervise(
  startChild: StartChild,
  configuration: PtConfiguration,
  supervision: Supervision = {},
  clock: Clock = systemClock,
): Promise<PtProcess> {
  if (typeof startChild !== 'function') throw invalidOption('startChild', 'a function')
  const limits = resolveSupervision(supervision)
  const supervisor = new Supervisor({ startChild: guardStart(startChild), configuration, limits, clock })
  await supervisor.start()
  return supervisor
}

interface SupervisorParameters {
  readonly startChild: StartChild
  readonly configuration: PtConfiguration
  readonly limits: ResolvedSupervision
  readonly clock: Clock
}

type State =
  | { readonly kind: 'running'; readonly run: ChildRun; readonly startUp: StartUp }
  | { readonly kind: 'waiting'; readonly timer: Countdown }
  | { readonly kind: 'closed' }

class Supervisor extends EventEmitter<PtProcessEvents> implements PtProcess {
  readonly role: 'client' | 'server'
  readonly #configuration: PtConfiguration & Required<Pick<PtConfiguration, 'versions'>>
  readonly #setup: ChildSetup
  readonly #parameters: SupervisorParameters
  readonly #log: HostLog
  readonly #onAbort = (): void => this.#abort()
  #state: State = { kind: 'closed' }
  #firstStart: { readonly resolve: () => void; readonly reject: (reason: Error) => void } | undefined
  #early: (() => void)[] | undefined = []
  #ready: StartUp | undefined
  #ref = true
  #readySinceMs = 0
  #version = ''
  #restartCount = 0
  #failedStartCount = 0
  #lastExit: PtExit | undefined
  #stopped: Promise<PtExit> | undefined
  #resolveStopped: (exit: PtExit) => void = () => {}

  constructor(parameters: SupervisorParameters) {
    super()
    this.#parameters = parameters
    const variables = toVariables(parameters.configuration)
    this.#setup = Object.freeze({ variables, flags: toFlags(parameters.configuration) })
    const { transports, versions = DEFAULT_VERSIONS } = parameters.configuration
    this.#configuration = Object.freeze({
      ...parameters.configuration,
      transports: Object.freeze([...transports]),
      versions: Object.freeze([...versions]),
    })
    this.role = this.#configuration.role
    this.#log = createHostLog(this.#configuration, parameters.limits.logger)
    // Every connection of an adapter that waits for the next child listens.
    this.setMaxListeners(0)
  }

  get version(): string {
    return this.#version
  }

  get pid(): number | undefined {
    return this.#state.kind === 'running' ? this.#state.run.pid : undefined
  }

  get closed(): boolean {
    return this.#state.kind === 'closed'
  }

  get methods(): ReadonlyMap<string, Method> {
    return this.#ready?.methods ?? NO_METHODS
  }

  get failures(): ReadonlyMap<string, string> {
    return this.#ready?.failures ?? NO_FAILURES
  }

  transport(name: string): Transport {
    return processTransport(this, this.#configuration, name)
  }

  ref(): this {
    return this.#setRef(true)
  }

  unref(): this {
    return this.#setRef(false)
  }

  stop(): Promise<PtExit> {
    this.#stopped ??= new Promise((resolve) => {
      this.#resolveStopped = resolve
      queueMicrotask(() => this.#beginStop())
    })
    return this.#stopped
  }

  #setRef(ref: boolean): this {
    this.#ref = ref
    // Whoever has asked for the end waits for it.
    if (this.#stopped !== undefined) return this
    if (this.#state.kind === 'running') this.#state.run.setRef(ref)
    else if (this.#state.kind === 'waiting') this.#state.timer.setRef(ref)
    return this
  }

  /** Starts the first child. */
  async start(): Promise<void> {
    const { signal } = this.#parameters.limits
    signal?.throwIfAborted()
    signal?.addEventListener('abort', this.#onAbort)
    await new Promise<void>((resolve, reject) => {
      this.#firstStart = { resolve, reject }
      this.#run()
    })
  }

  #run(): void {
    const { startChild, limits, clock } = this.#parameters
    const { role, transports, versions, proxy, bind } = this.#configuration
    const startUp = new StartUp({ role, transports, versions, bind, proxied: proxy !== undefined })
    this.#log('host:start')
    const run = new ChildRun({
      startChild,
      setup: this.#setup,
      startUp,
      clock,
      startTimeoutMs: limits.startTimeoutMs,
      stopTimeoutMs: limits.stopTimeoutMs,
      ref: this.#ref,
      onReady: () => this.#becomeReady(startUp),
      onLine: (line, text, stream) => this.#tellLine(line, text, stream),
      onDeath: (exit) => this.#childDied(exit),
      onEnd: (exit, failure) => this.#runEnded(exit, failure),
    })
    this.#state = { kind: 'running', run, startUp }
  }

  #becomeReady(startUp: StartUp): void {
    const { clock } = this.#parameters
    this.#ready = startUp
    this.#version = startUp.version
    this.#readySinceMs = clock.monotonic()
    this.#failedStartCount = 0
    this.#log('host:ready', { version: startUp.version, methods: [...startUp.methods.keys()] })
    const first = this.#firstStart
    this.#firstStart = undefined
    if (first === undefined) return this.#tell(() => this.emit('ready'))
    first.resolve()
    // Listeners come in the turn in which supervise() resolves.
    clock.defer(() => this.#tellEarly())
  }

  /** Takes back what a child has offered: it may be a while until its last lines are read. */
  #childDied({ code, signal }: ChildExit): void {
    this.#ready = undefined
    if (this.#stopped === undefined) this.#tell(() => this.emit('died', { code, signal }))
  }

  #runEnded(exit: PtExit, failure: Error | undefined): void {
    const { limits, clock } = this.#parameters
    this.#lastExit = exit
    this.#ready = undefined
    if (this.#firstStart !== undefined) {
      this.#release()
      this.#log('host:failed', failureFields(failure))
      return this.#firstStart.reject(failure!)
    }
    if (this.#stopped !== undefined) return this.#close()
    this.#log('host:exit', exitFields(exit))
    const next = limits.restart ? this.#planRestart(failure) : undefined
    if (next === undefined) this.#release()
    else
      this.#state = {
        kind: 'waiting',
        timer: new Countdown(clock, () => this.#run(), { delayMs: next, ref: this.#ref }),
      }
    this.#tell(() => this.emit('exit', exit))
    if (next !== undefined && this.#stopped === undefined) this.#tellRestart(next, this.#restartCount)
    if (next === undefined) this.#giveUp(limits.restart ? failure : undefined)
  }

  #tellRestart(delayMs: number, attempt: number): void {
    this.#log('host:restart', { delayMs, attempt })
    this.#tell(() => this.emit('restart', delayMs, attempt))
  }

  /** Returns the delay in ms; undefined when too many starts have failed. */
  #planRestart(failure: Error | undefined): number | undefined {
    const { limits, clock } = this.#parameters
    if (failure !== undefined && ++this.#failedStartCount >= limits.maxRestarts) return undefined
    const lasted = failure === undefined && clock.monotonic() - this.#readySinceMs >= LONGEST_RESTART_DELAY_MS
    if (lasted) this.#restartCount = 0
    const longestMs = Math.max(LONGEST_RESTART_DELAY_MS, limits.restartDelayMs)
    return Math.min(limits.restartDelayMs * 2 ** this.#restartCount++, longestMs)
  }

  #giveUp(failure: Error | undefined): void {
    if (failure !== undefined) {
      this.#log('host:failed', failureFields(failure))
      this.#tell(() => this.emit('error', failure))
    }
    this.#close()
  }

  #abort(): void {
    if (this.#firstStart === undefined) void this.stop()
    else if (this.#state.kind === 'running') this.#state.run.abandon(this.#parameters.limits.signal!.reason as Error)
  }

  #beginStop(): void {
    const state = this.#state
    if (state.kind === 'running') {
      state.run.setRef(true)
      return state.run.stop()
    }
    if (state.kind === 'closed') return this.#resolveStopped(this.#lastExit!)
    state.timer.cancel()
    this.#close()
  }

  /** Lets go of what would outlive the last child. */
  #release(): void {
    this.#state = { kind: 'closed' }
    this.#parameters.limits.signal?.removeEventListener('abort', this.#onAbort)
  }

  #close(): void {
    this.#release()
    this.#resolveStopped(this.#lastExit!)
    this.#log('host:close')
    this.#tell(() => this.emit('close'))
  }

  #tellLine(line: ChildLine, text: string, stream: 'stdout' | 'stderr'): void {
    if (stream === 'stdout' && line.kind === 'log') {
      this.#log('host:log', { severity: line.severity })
      this.#tell(() => this.emit('log', Object.freeze({ severity: line.severity, message: line.message })))
    } else if (stream === 'stdout' && line.kind === 'status') this.#tell(() => this.emit('status', line.fields))
    else this.#tell(() => this.emit('line', text, stream))
  }

  #tell(emit: () => void): void {
    if (this.#early === undefined) tellGuarded(emit)
    else if (this.#early.push(emit) > MAX_EARLY_EVENTS) this.#early.shift()
  }

  #tellEarly(): void {
    const early = this.#early ?? []
    this.#early = undefined
    for (const emit of early) tellGuarded(emit)
  }
}

/** What a listener throws is uncaught, as ever, but keeps no later line and no later event from coming. */
function tellGuarded(emit: () => void): void {
  try {
    emit()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
