import { randomFillSync } from 'node:crypto'
import type { Random } from '../util/random.ts'

const POOL_LENGTH = 4096
// Beyond it a system call's cost no longer counts, and the pool would be used up at once.
const LONGEST_POOLED = 256

/**
 * Draws from node:crypto's CSPRNG. Small requests are served from a pool, since a call of randomFillSync costs far more than
 * 16 bytes are worth; a byte is wiped from the pool as it is handed out, so that none is there to be read or handed out again.
 */
class SystemRandom implements Random {
  #pool = Buffer.alloc(0)
  #position = 0

  fill<Bytes extends Uint8Array>(target: Bytes): Bytes {
    if (target.length > LONGEST_POOLED) return randomFillSync(target)
    if (this.#pool.length - this.#position < target.length) this.#refill()
    const end = this.#position + target.length
    target.set(this.#pool.subarray(this.#position, end))
    this.#pool.fill(0, this.#position, end)
    this.#position = end
    return target
  }

  #refill(): void {
    // Not from Buffer's shared pool: whoever holds a slice of that can reach all of it.
    if (this.#pool.length === 0) this.#pool = Buffer.alloc(POOL_LENGTH)
    randomFillSync(this.#pool)
    this.#position = 0
  }
}

/** The system's CSPRNG. */
export const systemRandom: Random = Object.freeze(new SystemRandom())
