import { createCipheriv } from 'node:crypto'
import type { Random } from '../../../src/util/random.ts'

/** A fixed stream of random bytes per seed (0 to 255), which counts the bytes that were drawn. */
export function countingRandom(seed: number): Random & { readonly drawnLength: number } {
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16))
  let drawnLength = 0
  return {
    fill: (target) => {
      target.set(stream.update(Buffer.alloc(target.length)))
      drawnLength += target.length
      return target
    },
    get drawnLength() {
      return drawnLength
    },
  }
}
