import { type Random, randomBytes } from '../../util/random.ts'

const BATCH_LENGTH = 2048
const WORD_VALUES = 0x1_0000

/** Many small draws from a random source, which is asked for 2 KiB at a time. */
export class RandomDraws {
  readonly #random: Random
  #batch: Buffer = Buffer.alloc(0)
  #position = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** Draws a uniform integer from 0 to `limit` - 1; `limit` is at most 65,536. */
  below(limit: number): number {
    const unbiased = WORD_VALUES - (WORD_VALUES % limit)
    for (;;) {
      const word = this.#word()
      if (word < unbiased) return word % limit
    }
  }

  /** Draws an integer from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1)
  }

  #word(): number {
    if (this.#position === this.#batch.length) {
      this.#batch = randomBytes(this.#random, BATCH_LENGTH)
      this.#position = 0
    }
    const word = this.#batch.readUInt16LE(this.#position)
    this.#position += 2
    return word
  }
}
