import { PtError } from '../core/errors.ts'
import type { ByteStream, Clock, Timer } from '../core/platform.ts'
import { unlessAborted } from '../util/unless-aborted.ts'
import { ChildWatch } from './child-watch.ts'
import type { ClientSource } from './client-adapter.ts'
import type { Supervision } from './launch-options.ts'
import type { PtProcess } from './pt-process.ts'

/** A client child that is there or under way, and who uses it. */
interface SharedChild {
  readonly process: Promise<PtProcess>
  readonly ending: AbortController
  /** The same process, once it is there. */
  launched: PtProcess | undefined
  dialCount: number
  streamCount: number
  idle: Timer | undefined
}

export interface SharedClientParameters {
  readonly start: (supervision: Supervision) => Promise<PtProcess>
  readonly clock: Clock
  /** How long a child that nobody uses is kept, in ms; for ever where it is absent. */
  readonly idleStopMs?: number | undefined
}

/** The client child that all factories of one transport share, from the first dial on. It keeps this program alive while somebody dials, and no longer. */
export class SharedClient implements ClientSource {
  readonly watch: ChildWatch
  readonly #parameters: SharedClientParameters
  #current: SharedChild | undefined
  /** The end of the children before: two at a time would have one state directory. */
  #ended: Promise<unknown> = Promise.resolve()

  constructor(parameters: SharedClientParameters) {
    this.#parameters = parameters
    this.watch = new ChildWatch(parameters.clock)
  }

  async dialThrough(dial: (process: PtProcess) => Promise<ByteStream>, signal: AbortSignal): Promise<ByteStream> {
    const child = (this.#current ??= this.#launch())
    child.dialCount++
    this.#usersChanged(child)
    try {
      const stream = await dial(await unlessAborted(child.process, signal))
      if (!stream.closed) {
        child.streamCount++
        stream.once('close', () => {
          child.streamCount--
          this.#usersChanged(child)
        })
      }
      return stream
    } finally {
      child.dialCount--
      this.#usersChanged(child)
    }
  }

  /** Ends the child; resolves when it is gone. The next dial launches another. */
  async close(): Promise<void> {
    const current = this.#current
    if (current !== undefined) this.#end(current)
    await this.#ended
  }

  #end(child: SharedChild): void {
    this.#current = undefined
    child.idle?.cancel()
    child.ending.abort(new PtError('PT_HOST_EXITED', 'The PT process was closed'))
    const ended = child.process.then(
      (process) => process.stop(),
      () => undefined,
    )
    this.#ended = Promise.all([this.#ended, ended])
  }

  #usersChanged(child: SharedChild): void {
    const { launched, dialCount, streamCount } = child
    child.idle?.cancel()
    child.idle = undefined
    if (launched === undefined) return
    if (dialCount > 0) launched.ref()
    else launched.unref()
    const { idleStopMs, clock } = this.#parameters
    if (idleStopMs === undefined || dialCount + streamCount > 0 || this.#current !== child) return
    child.idle = clock.setTimer(() => this.#end(child), idleStopMs, { ref: false })
  }

  #launch(): SharedChild {
    const ending = new AbortController()
    const { start } = this.#parameters
    const follow = (process: PtProcess): PtProcess => {
      child.launched = process
      this.watch.follow(process)
      // Every dial that finds no method says why.
      process.on('error', () => {})
      process.once('close', () => {
        this.watch.release(process)
        this.#forget(child)
      })
      this.#usersChanged(child)
      return process
    }
    const process = this.#ended.then(() => start({ signal: ending.signal })).then(follow)
    process.catch(() => this.#forget(child))
    const child: SharedChild = { process, ending, launched: undefined, dialCount: 0, streamCount: 0, idle: undefined }
    return child
  }

  #forget(child: SharedChild): void {
    child.idle?.cancel()
    if (this.#current === child) this.#current = undefined
  }
}
