import type { HashDrbg } from './drbg.ts'

/**
 * Go's `math/rand` draws over a HashDrbg, value for value: obfs4's peers agree on tables that they draw so.
 * A draw of Int63 is the next block as a big-endian integer without its top bit.
 */
export class GoRand {
  readonly #source: HashDrbg

  /** Draws from `source`, which advances by a block (or, after a rejection, more) per draw. */
  constructor(source: HashDrbg) {
    this.#source = source
  }

  /** Draws an integer in [0, 2^63). */
  int63(): bigint {
    this.#source.advance()
    return (BigInt(this.#source.first & 0x7fffffff) << 32n) | BigInt(this.#source.second)
  }

  /** Draws an integer in [0, 2^31): the upper half of an Int63. */
  int31(): number {
    this.#source.advance()
    return this.#source.first & 0x7fffffff
  }

  /** Draws an integer in [0, n). Throws RangeError unless n is an integer from 1 to 2^31 - 1. */
  intn(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n >= 2 ** 31) throw new RangeError(`no integer in [0, ${n})`)
    if ((n & (n - 1)) === 0) return this.int31() & (n - 1)
    const last = 2 ** 31 - 1 - (2 ** 31 % n)
    let value = this.int31()
    while (value > last) value = this.int31()
    return value % n
  }

  /** Draws a permutation of 0 to n - 1. The first step draws too, although it has no choice. */
  perm(n: number): Uint32Array {
    const permutation = new Uint32Array(n)
    for (let i = 0; i < n; i++) {
      const j = this.intn(i + 1)
      permutation[i] = permutation[j]!
      permutation[j] = i
    }
    return permutation
  }

  /** Draws a fraction in [0, 1): an Int63 over 2^63, rounded to the nearest double; one that rounds to 1 is drawn again. */
  float64(): number {
    for (;;) {
      this.#source.advance()
      // Both terms are exact, so that the one rounding of the sum is that of the 63-bit integer.
      const integer = (this.#source.first & 0x7fffffff) * 2 ** 32 + this.#source.second
      if (integer < 2 ** 63) return integer / 2 ** 63
    }
  }
}
