import { PtError } from '../core/errors.ts'
import type { Clock } from '../core/platform.ts'
import { type ChildLine, parseLine } from '../ipc/parse-line.ts'
import type { ChildExit, ChildSetup, PtChild, StartChild } from './child.ts'
import { Countdown } from './countdown.ts'
import type { PtExit } from './pt-process.ts'
import { showLine } from './show-line.ts'
import type { StartUp } from './start-up.ts'

/** Lines of a child that are kept for people. */
export const LAST_LINE_COUNT = 20

/** What a child whose start has failed is given to end by itself, after SIGTERM. */
export const FAILED_START_MS = 1_000

export interface ChildRunParameters {
  readonly startChild: StartChild
  readonly setup: ChildSetup
  readonly startUp: StartUp
  readonly clock: Clock
  readonly startTimeoutMs: number
  readonly stopTimeoutMs: number
  /** Whether this process is to live as long as the child. */
  readonly ref: boolean
  readonly onReady: () => void
  /** A line that said nothing about the start. */
  readonly onLine: (line: ChildLine, text: string, stream: 'stdout' | 'stderr') => void
  /** A child that was ready is dead: once, before onEnd, and perhaps before its last lines. */
  readonly onDeath: (exit: ChildExit) => void
  /** Called once. `failure` is why it never was ready; undefined if it was. */
  readonly onEnd: (exit: PtExit, failure: Error | undefined) => void
}

/** The life of one child: its start, its lines, and its end in steps. */
export class ChildRun {
  readonly #parameters: ChildRunParameters
  readonly #child: PtChild
  readonly #lastLines: string[] = []
  #state: 'starting' | 'ready' | 'stopping' | 'failing' | 'ended' = 'starting'
  #wasReady = false
  #isDead = false
  /** Of the start, and then of the step of the stop. */
  #timer: Countdown
  #ref: boolean
  #reason: Error | undefined

  /** Starts the child. */
  constructor(parameters: ChildRunParameters) {
    this.#parameters = parameters
    const { startChild, setup, clock, startTimeoutMs, ref } = parameters
    this.#ref = ref
    const timedOut = (): void =>
      this.abandon(new PtError('PT_HOST_TIMEOUT', `The PT process told no methods within ${startTimeoutMs} ms`))
    this.#timer = new Countdown(clock, timedOut, { delayMs: startTimeoutMs, ref })
    this.#child = startChild(setup, {
      onLine: (line, stream) => this.#takeLine(line, stream),
      onDeath: (exit) => this.#die(exit),
      onExit: (exit) => this.#end(exit),
    })
    if (!ref) this.#child.setRef?.(false)
  }

  get pid(): number | undefined {
    return this.#isDead ? undefined : this.#child.pid
  }

  /** Says whether this process is to live as long as the child. */
  setRef(ref: boolean): void {
    this.#ref = ref
    this.#child.setRef?.(ref)
    this.#timer.setRef(ref)
  }

  /** Ends the child in three steps: its input, then SIGTERM, then SIGKILL. */
  stop(): void {
    if (this.#state !== 'starting' && this.#state !== 'ready') return
    this.#state = 'stopping'
    const { stopTimeoutMs } = this.#parameters
    this.#child.closeInput()
    this.#after(stopTimeoutMs, () => {
      this.#child.terminate()
      this.#after(stopTimeoutMs, () => this.#child.kill())
    })
  }

  /** Ends a child that is not ready, at once: nobody uses it yet. `reason` is what its start has failed by. */
  abandon(reason: Error | undefined): void {
    if (this.#state !== 'starting') return
    this.#state = 'failing'
    this.#reason = reason
    this.#child.closeInput()
    this.#child.terminate()
    this.#after(FAILED_START_MS, () => this.#child.kill())
  }

  #after(delayMs: number, step: () => void): void {
    this.#timer.cancel()
    this.#timer = new Countdown(this.#parameters.clock, step, { delayMs, ref: this.#ref })
  }

  #takeLine(text: string, stream: 'stdout' | 'stderr'): void {
    if (this.#lastLines.push(showLine(text)) > LAST_LINE_COUNT) this.#lastLines.shift()
    const { startUp, onLine, onReady } = this.#parameters
    const line = parseLine(text)
    const starting = this.#state === 'starting'
    // Standard error comes after standard output: what failed may be told once the methods have ended.
    const mayMatter = starting || line.kind === 'method-failure'
    const taken = mayMatter && startUp.take(line, stream)
    if (!taken) onLine(line, text, stream)
    if (!starting || startUp.state === 'starting') return
    if (startUp.state === 'failed') return this.abandon(undefined)
    // What it said last offers nothing any more.
    if (this.#isDead) return
    this.#state = 'ready'
    this.#wasReady = true
    this.#timer.cancel()
    onReady()
  }

  #die(exit: ChildExit): void {
    if (this.#isDead) return
    this.#isDead = true
    if (this.#wasReady) this.#parameters.onDeath(exit)
  }

  #end(exit: ChildExit): void {
    if (this.#state === 'ended') return
    this.#die(exit)
    this.#state = 'ended'
    this.#timer.cancel()
    const ended = Object.freeze({ ...exit, lastLines: Object.freeze([...this.#lastLines]) })
    this.#parameters.onEnd(ended, this.#wasReady ? undefined : this.#toFailure(ended))
  }

  #toFailure(exit: PtExit): Error {
    if (this.#reason !== undefined) return this.#reason
    const { startUp } = this.#parameters
    return startUp.state === 'failed' ? startUp.toError() : exitError(exit)
  }
}

function exitError({ code, signal, error, lastLines }: PtExit): PtError {
  if (error !== undefined) {
    const reason = 'code' in error ? String(error.code) : showLine(error.message)
    return new PtError('PT_HOST_EXITED', `The PT process could not be started: ${reason}`, { cause: error })
  }
  const how = signal === null ? `code ${code}` : `signal ${signal}`
  const last = lastLines.findLast((line) => line !== '')
  const said = last === undefined ? '' : `; its last line was: ${last}`
  return new PtError('PT_HOST_EXITED', `The PT process ended before its methods were known, with ${how}${said}`)
}
