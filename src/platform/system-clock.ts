import type { Clock, Timer } from '../core/platform.ts'

/** The longest delay that setTimeout knows, in ms; it takes a longer one for 1 ms. */
const LONGEST_DELAY_MS = 2 ** 31 - 1

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
 * A task for the end of this turn, after the input that is there. An unreferenced immediate alone would not do: it wakes no event loop that
 * is waiting for input already. A timer does.
 */
class DeferredTask implements Timer {
  readonly #immediate: NodeJS.Immediate
  readonly #timeout: NodeJS.Timeout

  constructor(task: () => void) {
    const run = (): void => {
      this.cancel()
      task()
    }
    this.#immediate = setImmediate(run).unref()
    this.#timeout = setTimeout(run, 1).unref()
  }

  cancel(): void {
    clearImmediate(this.#immediate)
    clearTimeout(this.#timeout)
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
