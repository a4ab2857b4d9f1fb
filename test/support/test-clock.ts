import type { Clock, Timer } from '../../src/core/platform.ts'
import { systemClock } from '../../src/platform/system-clock.ts'

/** The system's clock, running `factor` times as fast, its wall time beside the real one by what a test sets. */
export class TestClock implements Clock {
  readonly #factor: number
  /** Ms by which the wall clock is ahead. */
  wallOffsetMs = 0

  constructor(factor = 1) {
    this.#factor = factor
  }

  now(): number {
    return systemClock.now() + this.wallOffsetMs
  }

  monotonic(): number {
    return systemClock.monotonic() * this.#factor
  }

  setTimer(callback: () => void, delayMs: number, options?: { readonly ref?: boolean }): Timer {
    return systemClock.setTimer(callback, delayMs / this.#factor, options)
  }

  defer(task: () => void): Timer {
    return systemClock.defer(task)
  }
}
