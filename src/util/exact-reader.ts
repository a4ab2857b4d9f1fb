import { Buffer } from 'node:buffer'

const NOTHING = new Uint8Array(0)

/** Takes pieces of exact lengths out of bytes that come in any chopping. What lies whole in what came is a view of it, not a copy. */
export class ExactReader {
  #bytes: Uint8Array = NOTHING
  #at = 0
  /** The beginning of a piece that has not come whole. */
  #partial: Buffer | undefined
  #partialLength = 0

  /** Bytes that were fed and not taken. */
  get pendingLength(): number {
    return this.#partialLength + this.#bytes.length - this.#at
  }

  /** Gives it what came: a view that is used until the next take() returns undefined. */
  feed(bytes: Uint8Array): void {
    this.#bytes = bytes
    this.#at = 0
  }

  /**
   * Takes the next `length` bytes, valid until the caller of feed() changes them. Returns undefined where they have not all come, and keeps a copy of those that
   * have: then the same length must be asked for until they are whole.
   */
  take(length: number): Uint8Array | undefined {
    const left = this.#bytes.length - this.#at
    if (this.#partial === undefined && left >= length) {
      this.#at += length
      return this.#bytes.subarray(this.#at - length, this.#at)
    }
    return this.#complete(length, left)
  }

  #complete(length: number, left: number): Uint8Array | undefined {
    if (left > 0) {
      this.#partial ??= Buffer.allocUnsafeSlow(length)
      const end = this.#at + Math.min(left, length - this.#partialLength)
      this.#partial.set(this.#bytes.subarray(this.#at, end), this.#partialLength)
      this.#partialLength += end - this.#at
      this.#at = end
    }
    if (this.#partialLength < length) {
      this.#bytes = NOTHING
      this.#at = 0
      return undefined
    }
    const whole = this.#partial
    this.#partial = undefined
    this.#partialLength = 0
    return whole
  }
}
