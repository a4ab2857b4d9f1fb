import { Buffer } from 'node:buffer'
import type { Clock } from '../../core/platform.ts'
import { MAX_TIME_DIFFERENCE_S, secondsOf } from './headers-2022.ts'

/** How long a salt is kept at least, in ms (SIP022 §3.1.5). */
export const SALT_LIFETIME_MS = 60_000
/** Salts that are kept at the same time; past them newcomers are refused. */
export const MAX_TIMED_SALTS = 1_000_000

/**
 * The newest time, in seconds, of what was accepted and is not remembered any more: nothing up to it is believed again. After a start that is whatever a server before may
 * have accepted, so that no replay gets through then, nor when the clock is set back.
 */
export class Forgotten {
  #newest: number

  /** Begins with a start at this wall time in ms. */
  constructor(nowMs: number) {
    this.#newest = secondsOf(nowMs) + MAX_TIME_DIFFERENCE_S
  }

  includes(seconds: number): boolean {
    return seconds <= this.#newest
  }

  add(seconds: number): void {
    this.#newest = Math.max(this.#newest, seconds)
  }
}

/** Remembers the salts of 2022 for as long as their times could be believed. */
export class TimedSalts {
  readonly #clock: Clock
  readonly #maxCount: number
  /** In the order of their coming. */
  readonly #entries = new Map<string, { readonly seconds: number; readonly at: number }>()
  readonly #forgotten: Forgotten

  constructor(clock: Clock, forgotten: Forgotten, maxCount: number = MAX_TIMED_SALTS) {
    this.#clock = clock
    this.#forgotten = forgotten
    this.#maxCount = maxCount
  }

  get size(): number {
    return this.#entries.size
  }

  /** Notes the salt of a message of this time, which is near ours. 'stale' also where there is no room. */
  insert(salt: Uint8Array, seconds: number): 'fresh' | 'stale' | 'replay' {
    this.#forget()
    if (this.#forgotten.includes(seconds)) return 'stale'
    const key = Buffer.from(salt.buffer, salt.byteOffset, salt.byteLength).toString('latin1')
    if (this.#entries.has(key)) return 'replay'
    if (this.#entries.size >= this.#maxCount) return 'stale'
    this.#entries.set(key, { seconds, at: this.#clock.monotonic() })
    return 'fresh'
  }

  #forget(): void {
    const before = this.#clock.monotonic() - SALT_LIFETIME_MS
    const earliest = secondsOf(this.#clock.now()) - MAX_TIME_DIFFERENCE_S
    for (const [key, { seconds, at }] of this.#entries) {
      if (at > before || seconds >= earliest) return
      this.#entries.delete(key)
      this.#forgotten.add(seconds)
    }
  }
}
