const WORD_BITS = 32
/** Packets behind the newest that may still come. */
export const WINDOW_LENGTH = 2_048
/** One word more, so that the newest word can be cleared whole. */
const WORD_COUNT = WINDOW_LENGTH / WORD_BITS + 1

/** Tells which counters of a session were seen (RFC 6479): each is taken once, in any order within the window. */
export class SlidingWindow {
  readonly #words = new Uint32Array(WORD_COUNT)
  #newest = -1

  /** Tells whether accept() would take the counter. */
  isFresh(counter: number): boolean {
    if (!Number.isSafeInteger(counter) || counter < 0) return false
    if (counter > this.#newest) return true
    if (counter <= this.#newest - WINDOW_LENGTH) return false
    return (this.#words[wordOf(counter)]! & bitOf(counter)) === 0
  }

  /** Notes a counter as seen, and says whether it was fresh: a safe integer from 0, not seen, and not behind the window. */
  accept(counter: number): boolean {
    if (!this.isFresh(counter)) return false
    if (counter > this.#newest) this.#advance(counter)
    this.#words[wordOf(counter)]! |= bitOf(counter)
    return true
  }

  #advance(counter: number): void {
    const from = Math.floor(this.#newest / WORD_BITS)
    const to = Math.floor(counter / WORD_BITS)
    if (to - from >= WORD_COUNT) this.#words.fill(0)
    else for (let word = from + 1; word <= to; word++) this.#words[word % WORD_COUNT] = 0
    this.#newest = counter
  }
}

function wordOf(counter: number): number {
  return Math.floor(counter / WORD_BITS) % WORD_COUNT
}

function bitOf(counter: number): number {
  return 1 << (counter % WORD_BITS)
}
