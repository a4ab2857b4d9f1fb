import { SIPHASH_KEY_LENGTH, SipHash } from './siphash.ts'

/** Bytes of a seed: 16 of SipHash key, then 8 of initial block. */
export const DRBG_SEED_LENGTH = 24
export const DRBG_BLOCK_LENGTH = 8

/**
 * obfs4's generator of length masks and tables: each block is the SipHash-2-4 of the initial block and all blocks before it.
 * The specification calls it OFB mode, but the running code never resets its hash, so that the input accumulates.
 */
export class HashDrbg {
  readonly #hash: SipHash
  /** The newest block, as the low and high half of a little-endian word. */
  readonly #block = new Int32Array(2)

  /** Starts from `seed`, 24 bytes, which are copied. Throws RangeError for another length. */
  constructor(seed: Uint8Array) {
    if (seed.length !== DRBG_SEED_LENGTH) throw new RangeError('a DRBG seed has 24 bytes')
    this.#hash = new SipHash(seed.subarray(0, SIPHASH_KEY_LENGTH))
    const view = new DataView(seed.buffer, seed.byteOffset, seed.byteLength)
    this.#block[0] = view.getInt32(SIPHASH_KEY_LENGTH, true)
    this.#block[1] = view.getInt32(SIPHASH_KEY_LENGTH + 4, true)
  }

  /** Draws the next block: 8 bytes in a new buffer owned by the caller. */
  next(): Buffer {
    this.advance()
    const block = Buffer.allocUnsafe(DRBG_BLOCK_LENGTH)
    block.writeInt32LE(this.#block[0]!, 0)
    block.writeInt32LE(this.#block[1]!, 4)
    return block
  }

  /** Draws the next block and keeps it for `first` and `second`; allocates nothing. */
  advance(): void {
    this.#hash.updateWord(this.#block[0]!, this.#block[1]!)
    this.#hash.digestWords(this.#block)
  }

  /** The first four bytes of the newest block as an unsigned big-endian integer. */
  get first(): number {
    return bigEndian(this.#block[0]!)
  }

  /** The last four bytes of the newest block as an unsigned big-endian integer. */
  get second(): number {
    return bigEndian(this.#block[1]!)
  }
}

function bigEndian(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0
}
