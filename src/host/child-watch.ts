import type { Clock } from '../core/platform.ts'
import { PtError } from '../core/errors.ts'
import type { PtExit, PtProcess } from './pt-process.ts'

/** How long an end of a connection waits for the news that its PT process has died, in ms: the system tells of both, in either order. */
export const EXIT_NEWS_MS = 50

/** Knows whether the child that carries a connection has died since: what it carried has then been cut off, however it looks. */
export class ChildWatch {
  readonly #clock: Clock
  readonly #waiting = new Set<() => void>()
  readonly #onDeath = (exit: Pick<PtExit, 'code' | 'signal'>): void => this.#noteDeath(exit)
  /** Children that have died. */
  deathCount = 0
  /** Why the last one has; PT_HOST_EXITED. */
  reason: PtError | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Follows a process and its restarts until release(). */
  follow(process: PtProcess): void {
    process.on('died', this.#onDeath)
  }

  release(process: PtProcess): void {
    process.off('died', this.#onDeath)
  }

  /** Resolves with the next death, or after EXIT_NEWS_MS, or when the signal aborts. */
  news(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        timer.cancel()
        this.#waiting.delete(settle)
        signal.removeEventListener('abort', settle)
        resolve()
      }
      const timer = this.#clock.setTimer(settle, EXIT_NEWS_MS)
      this.#waiting.add(settle)
      signal.addEventListener('abort', settle)
    })
  }

  #noteDeath(exit: Pick<PtExit, 'code' | 'signal'>): void {
    this.deathCount++
    this.reason = exitError(exit)
    for (const settle of this.#waiting) settle()
  }
}

const watches = new WeakMap<PtProcess, ChildWatch>()

/** Gives the one watch of a process that is never let go of. */
export function watchFor(process: PtProcess, clock: Clock): ChildWatch {
  let watch = watches.get(process)
  if (watch === undefined) {
    watch = new ChildWatch(clock)
    watch.follow(process)
    watches.set(process, watch)
  }
  return watch
}

/** Makes the error of a child that ended by itself. */
function exitError({ code, signal }: Pick<PtExit, 'code' | 'signal'>): PtError {
  const how = signal === null ? `with code ${code}` : `by ${signal}`
  return new PtError('PT_HOST_EXITED', `The PT process has ended by itself, ${how}`)
}
