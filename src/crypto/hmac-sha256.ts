import { createHash, hash } from 'node:crypto'

const BLOCK_LENGTH = 64
const DIGEST_LENGTH = 32
const INNER_PAD = 0x36
const OUTER_PAD = 0x5c
/** The longest message that takes the short way. */
const MAX_SHORT_LENGTH = 2048

/** Padded key ‖ message, and padded key ‖ inner digest, of the computation under way: no caller can come between. */
const inner = Buffer.alloc(BLOCK_LENGTH + MAX_SHORT_LENGTH)
const outer = Buffer.alloc(BLOCK_LENGTH + DIGEST_LENGTH)

/**
 * HMAC-SHA256 (RFC 2104) under one key for many short messages: two calls of the one-shot hash, which cost half of an Hmac object.
 */
export class HmacSha256 {
  readonly #innerKey = Buffer.alloc(BLOCK_LENGTH, INNER_PAD)
  readonly #outerKey = Buffer.alloc(BLOCK_LENGTH, OUTER_PAD)

  /** Copies the key of at most 64 bytes. Throws RangeError for a longer one. */
  constructor(key: Uint8Array) {
    if (key.length > BLOCK_LENGTH) throw new RangeError('an HMAC key has at most 64 bytes here')
    for (const [index, byte] of key.entries()) {
      this.#innerKey[index]! ^= byte
      this.#outerKey[index]! ^= byte
    }
  }

  /** Computes the MAC of `message`; of the 32 bytes as many as `target` takes are written to it. */
  computeInto(target: Uint8Array, message: Uint8Array): void {
    outer.set(this.#outerKey)
    outer.write(this.#innerDigest(message), BLOCK_LENGTH, 'binary')
    const digest = hash('sha256', outer, 'binary')
    const length = Math.min(target.length, DIGEST_LENGTH)
    for (let index = 0; index < length; index++) target[index] = digest.charCodeAt(index)
    outer.fill(0)
    inner.fill(0, 0, BLOCK_LENGTH)
  }

  /** As a string of one character per byte: it is made faster than a buffer. */
  #innerDigest(message: Uint8Array): string {
    if (message.length > MAX_SHORT_LENGTH)
      return createHash('sha256').update(this.#innerKey).update(message).digest('binary')
    inner.set(this.#innerKey)
    inner.set(message, BLOCK_LENGTH)
    return hash('sha256', inner.subarray(0, BLOCK_LENGTH + message.length), 'binary')
  }
}
