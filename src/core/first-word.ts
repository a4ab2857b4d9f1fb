import type { Segment } from './codec.ts'
import { type Random, uniformInteger } from '../util/random.ts'

/** How long a first word waits after the answer, drawn anew each time, in ms. */
const GAP_MS = [10, 30] as const
/** How long after it, or the nudge before, a nudge follows; each waits longer than the last. In ms. */
const NUDGE_MS = [
  [250, 400],
  [1_000, 1_500],
  [4_000, 6_000],
] as const

/**
 * Brings a server's words to clients that have said nothing yet. obfs4proxy's client hands on what came in one read with the
 * handshake only after another read. So a first word waits a little after the answer, which is enough for a client with time; and for one that
 * was busy, padding follows, up to three times, until it speaks.
 */
export class FirstWord {
  readonly #random: Random
  #answeredAt = 0
  #clientSpoke = false
  #nudgeCount = 0
  #spoken = false

  constructor(random: Random) {
    this.#random = random
  }

  /** Notes that the answer leaves now; `now` is monotonic, in ms. */
  answered(now: number): void {
    this.#answeredAt = now
  }

  /** Notes that the client has taken the answer. */
  clientSpoke(): void {
    this.#clientSpoke = true
  }

  /** Returns what goes ahead of a first word, perhaps nothing more to wait for; undefined when these bytes are none. */
  gap(now: number): readonly Segment[] | undefined {
    if (this.#clientSpoke || this.#spoken) return undefined
    this.#spoken = true
    const delayMs = Math.ceil(this.#answeredAt + uniformInteger(this.#random, ...GAP_MS) - now)
    return delayMs > 0 ? [{ bytes: new Uint8Array(0), delayMs }] : []
  }

  /** Says when the next nudge is due, if one may be needed. */
  nextNudgeAt(now: number): number | undefined {
    if (this.#clientSpoke || this.#nudgeCount >= NUDGE_MS.length) return undefined
    const [min, max] = NUDGE_MS[this.#nudgeCount]!
    return now + uniformInteger(this.#random, min, max)
  }

  /** Says whether the nudge that is due is still needed, and counts it. */
  nudge(): boolean {
    this.#nudgeCount += 1
    return !this.#clientSpoke
  }
}
