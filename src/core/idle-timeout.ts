import type { Clock, Timer } from './platform.ts'

/** Calls back after a time without activity. Activity costs one clock reading; the timer is only set anew when it fires early. */
export class IdleTimeout {
  readonly #clock: Clock
  readonly #onIdle: () => void
  #timer: Timer | undefined
  #lastActivity = 0
  #limitMs = 0

  constructor(clock: Clock, onIdle: () => void) {
    this.#clock = clock
    this.#onIdle = onIdle
  }

  /** The limit in ms; 0 is off. */
  get limitMs(): number {
    return this.#limitMs
  }

  /** Starts anew with another limit in ms; 0 switches it off. */
  set(limitMs: number): void {
    this.#limitMs = limitMs
    this.#timer?.cancel()
    this.#timer = undefined
    this.touch()
  }

  /** Notes activity. After the limit was reached once, activity arms it again. */
  touch(): void {
    if (this.#limitMs === 0) return
    this.#lastActivity = this.#clock.monotonic()
    if (this.#timer === undefined) this.#arm(this.#limitMs)
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.setTimer(() => this.#check(), delayMs, { ref: false })
  }

  #check(): void {
    this.#timer = undefined
    const left = this.#lastActivity + this.#limitMs - this.#clock.monotonic()
    if (left > 0) this.#arm(left)
    else this.#onIdle()
  }
}
