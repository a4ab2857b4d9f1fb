import type { Clock, Timer } from '../core/platform.ts'

const START_WALL_MS = Date.UTC(2026, 0, 1)
const QUIET_TURN_COUNT = 4
const SETTLE_TURN_LIMIT = 100_000

interface PendingTimer {
  readonly at: number
  readonly callback: () => void
}

/** Waits until the event loop has gone round once: promises, next ticks and immediates that are due have run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/**
 * A Clock that stands still until a test moves it. Timers fire in the order of their times, then of their making, each at exactly
 * its own time; the wall clock can be set without moving the monotonic one. A delay below 0 counts as 0.
 */
export class FakeClock implements Clock {
  #monotonic = 0
  #wall: number
  readonly #timers = new Set<PendingTimer>()
  readonly #tasks = new Set<() => void>()
  readonly #activities: (() => number)[] = []

  /** Begins with the wall clock at `wallMs` (ms since 1970), by default the first moment of 2026. */
  constructor(wallMs: number = START_WALL_MS) {
    this.#wall = wallMs
  }

  now(): number {
    return this.#wall
  }

  monotonic(): number {
    return this.#monotonic
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = { at: this.#monotonic + Math.max(0, delayMs), callback }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  defer(task: () => void): Timer {
    const entry = (): void => task()
    this.#tasks.add(entry)
    return { cancel: () => void this.#tasks.delete(entry) }
  }

  /** Timers set and neither fired nor cancelled; deferred tasks not counted. */
  get timerCount(): number {
    return this.#timers.size
  }

  /** Deferred tasks neither run nor cancelled. */
  get deferredCount(): number {
    return this.#tasks.size
  }

  /** Ms until the next timer is due; undefined when there is none. */
  get nextTimerMs(): number | undefined {
    const next = this.#next()
    return next === undefined ? undefined : next.at - this.#monotonic
  }

  /** Sets the wall clock, forwards or backwards (ms since 1970); the monotonic clock and timers stay. */
  setWallClock(wallMs: number): void {
    this.#wall = wallMs
  }

  /** Makes settle() wait as long as this counter of outside activity (a memory network's) changes. */
  watch(activity: () => number): void {
    this.#activities.push(activity)
  }

  /** Moves both clocks on by `ms`, firing what falls due; resolves when its consequences have settled. Throws what a timer throws. */
  async advance(ms: number): Promise<void> {
    const target = this.#monotonic + ms
    await this.settle()
    for (;;) {
      const timer = this.#next()
      if (timer === undefined || timer.at > target) break
      this.#timers.delete(timer)
      this.#moveTo(timer.at)
      timer.callback()
      const following = this.#next()
      if (following === undefined || following.at > timer.at) await this.settle()
    }
    this.#moveTo(target)
  }

  /** Runs the tasks that are deferred now; what they defer in turn stays for the next call. */
  async runDeferred(): Promise<void> {
    const due = [...this.#tasks]
    for (const task of due) {
      if (this.#tasks.delete(task)) task()
    }
    await this.settle()
  }

  /** Waits, without moving the clock, until promises, next ticks, immediates and the watched activities have come to rest. */
  async settle(): Promise<void> {
    let seen = this.#activity()
    let quiet = 0
    for (let turns = 0; quiet < QUIET_TURN_COUNT && turns < SETTLE_TURN_LIMIT; turns++) {
      await turn()
      const activity = this.#activity()
      quiet = activity === seen ? quiet + 1 : 0
      seen = activity
    }
  }

  #activity(): number {
    return this.#activities.reduce((sum, activity) => sum + activity(), 0)
  }

  #moveTo(monotonic: number): void {
    this.#wall += monotonic - this.#monotonic
    this.#monotonic = monotonic
  }

  #next(): PendingTimer | undefined {
    let next: PendingTimer | undefined
    for (const timer of this.#timers) {
      if (next === undefined || timer.at < next.at) next = timer
    }
    return next
  }
}
