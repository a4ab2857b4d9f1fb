/** Runs `task` in a later turn, without keeping the process alive, unless the result is cancelled. */
export type Defer = (task: () => void) => { cancel(): void }

export interface KeyPoolOptions<Key> {
  /** Keys to hold ready. Default 32. */
  readonly capacity?: number
  /** Makes one key. */
  readonly make: () => Key
  readonly defer: Defer
  /** Hears of each key that had to be made while somebody waited for it. */
  readonly onInline?: () => void
}

const DEFAULT_CAPACITY = 32

/**
 * Holds fresh keys ready, so that taking one costs nothing and tells nothing of how long it took to make. Its user says when a key may be
 * made without anybody waiting for what this thread does; the pool asks nobody once it is half empty. It makes one key per turn, and
 * schedules nothing while it is full.
 */
export class KeyPool<Key> {
  readonly #capacity: number
  readonly #make: () => Key
  readonly #defer: Defer
  readonly #onInline: (() => void) | undefined
  readonly #keys: Key[] = []
  #inlineCount = 0
  #closed = false
  #refill: ReturnType<Defer> | undefined

  /** Starts to fill in the next turn. Throws RangeError unless the capacity is a positive integer. */
  constructor({ capacity = DEFAULT_CAPACITY, make, defer, onInline }: KeyPoolOptions<Key>) {
    if (!Number.isInteger(capacity) || capacity < 1) throw new RangeError('a key pool holds at least one key')
    this.#capacity = capacity
    this.#make = make
    this.#defer = defer
    this.#onInline = onInline
    this.replenish()
  }

  /** Hands out a key, once, the oldest first; makes it on the spot when none is ready, also after `close`. */
  take(): Key {
    const key = this.#keys.shift()
    if (this.#keys.length < this.#capacity / 2) this.replenish()
    if (key !== undefined) return key
    this.#inlineCount++
    this.#onInline?.()
    return this.#make()
  }

  /** Keys that are ready. */
  get size(): number {
    return this.#keys.length
  }

  /** Keys that were made on the spot so far. */
  get inlineCount(): number {
    return this.#inlineCount
  }

  /** Makes the missing keys from the next turn on. */
  replenish(): void {
    if (this.#closed || this.#refill !== undefined || this.#keys.length >= this.#capacity) return
    this.#refill = this.#defer(() => {
      this.#refill = undefined
      if (this.#closed) return
      this.#keys.push(this.#make())
      this.replenish()
    })
  }

  /** Drops the keys and cancels the refill; nothing is scheduled any more. */
  close(): void {
    this.#closed = true
    this.#keys.length = 0
    this.#refill?.cancel()
    this.#refill = undefined
  }
}
