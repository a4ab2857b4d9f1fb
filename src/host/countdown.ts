import type { Clock, Timer } from '../core/platform.ts'

/** A timer that can be told later whether this process lives on for its sake. */
export class Countdown {
  readonly #clock: Clock
  readonly #callback: () => void
  readonly #at: number
  #timer: Timer | undefined

  /** Calls `callback` once after `delayMs`. */
  constructor(
    clock: Clock,
    callback: () => void,
    { delayMs, ref }: { readonly delayMs: number; readonly ref: boolean },
  ) {
    this.#clock = clock
    this.#at = clock.monotonic() + delayMs
    this.#callback = () => {
      this.#timer = undefined
      callback()
    }
    this.#timer = clock.setTimer(this.#callback, delayMs, { ref })
  }

  /** Says whether this process is to live until then. */
  setRef(ref: boolean): void {
    if (this.#timer === undefined) return
    this.#timer.cancel()
    this.#timer = this.#clock.setTimer(this.#callback, this.#at - this.#clock.monotonic(), { ref })
  }

  cancel(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}
