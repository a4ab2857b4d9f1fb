import type { Clock, Timer } from '../core/platform.ts'

/** The longest delay that setTimeout knows, in ms; it takes a longer one for 1 ms. */
const LONGEST_DELAY_MS = 2 ** 31 - 1
/** A turn that came later than this, in ms, after it was due had other work before it. */
const IDLE_LATENESS_MS = 2
/** After so many busy turns a deferred task runs in a busy one, since waiting for idleness could take for ever. */
const MOST_BUSY_TURNS_COUNT = 16

/** One timer, in as many stretches as setTimeout's limit makes of it. */
class SystemTimer implements Timer {
  readonly #callback: () => void
  readonly #ref: boolean
  #remainingMs: number
  #timeout: NodeJS.Timeout | undefined

  constructor(callback: () => void, delayMs: number, ref: boolean) {
    this.#callback = callback
    this.#ref = ref
    this.#remainingMs = delayMs
    this.#arm()
  }

  cancel(): void {
    clearTimeout(this.#timeout)
    this.#timeout = undefined
  }

  #arm(): void {
    const stretchMs = Math.min(this.#remainingMs, LONGEST_DELAY_MS)
    this.#remainingMs -= stretchMs
    this.#timeout = setTimeout(() => this.#elapsed(), stretchMs)
    if (!this.#ref) this.#timeout.unref()
  }

  #elapsed(): void {
    if (this.#remainingMs > 0) this.#arm()
    else this.#callback()
  }
}

/**
 * A task that waits for a turn with nothing else due. An unreferenced immediate would not do: it wakes no event loop that is
 * waiting for input, so that an idle process never ran it. A timer does, and its lateness tells how busy the loop is.
 */
class DeferredTask implements Timer {
  readonly #task: () => void
  #busyTurnCount = 0
  #timeout: NodeJS.Timeout | undefined

  constructor(task: () => void) {
    this.#task = task
    this.#arm()
  }

  cancel(): void {
    clearTimeout(this.#timeout)
    this.#timeout = undefined
  }

  #arm(): void {
    const due = performance.now() + 1
    this.#timeout = setTimeout(() => {
      const busy = performance.now() - due > IDLE_LATENESS_MS
      if (busy && ++this.#busyTurnCount < MOST_BUSY_TURNS_COUNT) this.#arm()
      else this.#task()
    }, 1).unref()
  }
}

/** The system's clock: Date.now() and performance.now(), and Node's timers. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer: (callback: () => void, delayMs: number, { ref = true }: { readonly ref?: boolean } = {}): Timer => {
    if (Number.isNaN(delayMs)) throw new RangeError('a timer needs a delay in ms')
    // setTimeout drops the fraction, and what comes early would be asked for again.
    return new SystemTimer(callback, Math.ceil(Math.max(0, delayMs)), ref)
  },
  defer: (task: () => void): Timer => new DeferredTask(task),
})
