const SMALLEST = 256

/** Gathers bytes up to a limit in one buffer that doubles as it fills. */
export class GatherBuffer {
  readonly #limit: number
  #buffer: Buffer = Buffer.alloc(0)
  #length = 0

  /** Holds at most `limit` bytes. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get length(): number {
    return this.#length
  }

  /** The bytes gathered so far; valid until the next append() or clear(). */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  /** Copies as much of `bytes` as still fits; returns how much that was. */
  append(bytes: Uint8Array): number {
    const taken = Math.min(bytes.byteLength, this.#limit - this.#length)
    this.#reserve(this.#length + taken)
    this.#buffer.set(taken === bytes.byteLength ? bytes : bytes.subarray(0, taken), this.#length)
    this.#length += taken
    return taken
  }

  /** Lets go of the memory. */
  clear(): void {
    this.#buffer = Buffer.alloc(0)
    this.#length = 0
  }

  #reserve(length: number): void {
    if (length <= this.#buffer.length) return
    let capacity = Math.max(SMALLEST, this.#buffer.length)
    while (capacity < length) capacity *= 2
    const grown = Buffer.allocUnsafeSlow(Math.min(capacity, this.#limit))
    grown.set(this.bytes)
    this.#buffer = grown
  }
}
