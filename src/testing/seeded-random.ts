import { createCipheriv, createHash } from 'node:crypto'
import type { Cipher } from 'node:crypto'
import type { Random } from '../util/random.ts'

const BLOCK_LENGTH = 16

/**
 * A Random whose bytes follow from its seed: AES-256-CTR over zeros under SHA-256(seed), so that a test repeats byte for byte.
 * For tests only: whoever knows the seed knows every key that is drawn from it.
 */
export class SeededRandom implements Random {
  readonly #cipher: Cipher

  constructor(seed: string | number) {
    const key = createHash('sha256').update(String(seed)).digest()
    this.#cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(BLOCK_LENGTH))
  }

  fill<Bytes extends Uint8Array>(target: Bytes): Bytes {
    target.set(this.#cipher.update(new Uint8Array(target.length)))
    return target
  }
}
