import type { Clock, SlotFile, Timer } from '../../core/platform.ts'
import { RecentFilter } from '../../crypto/recent-filter.ts'

export interface SaltLogParameters {
  readonly filter: RecentFilter
  readonly clock: Clock
  /** Where the filter is kept; without it, in memory only. */
  readonly slots?: SlotFile | undefined
  /** How many salts the filter and the file hold. */
  readonly capacity: number
  /** Hears that salts could not be written; they are tried again with the next. */
  readonly onError: (error: unknown) => void
}

/** Remembers salts, and writes them in batches: one for all that came while the one before was under way. */
export class SaltLog {
  readonly #parameters: SaltLogParameters
  /** Place of the first salt that is not written, and how many are not. */
  #from: number
  #unwrittenCount = 0
  #timer: Timer | undefined
  #writing: Promise<void> | undefined
  #isClosed = false

  constructor(parameters: SaltLogParameters) {
    this.#parameters = parameters
    this.#from = parameters.filter.next
  }

  /** Remembers a salt; false where it was there before. */
  insert(salt: Uint8Array): boolean {
    if (!this.#parameters.filter.insert(salt)) return false
    if (this.#parameters.slots !== undefined) {
      this.#unwrittenCount += 1
      this.#schedule()
    }
    return true
  }

  /** Writes what is not written and closes the file. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#writing
    if (this.#unwrittenCount > 0) await this.#write()
    await this.#parameters.slots?.close()
  }

  #schedule(): void {
    if (this.#isClosed || this.#timer !== undefined || this.#writing !== undefined) return
    this.#timer = this.#parameters.clock.defer(() => {
      this.#timer = undefined
      const writtenFrom = this.#from
      this.#writing = this.#write().then(() => {
        this.#writing = undefined
        if (this.#unwrittenCount > 0 && this.#from !== writtenFrom) this.#schedule()
      })
    })
  }

  async #write(): Promise<void> {
    const { filter, capacity, slots, onError } = this.#parameters
    const count = Math.min(this.#unwrittenCount, capacity)
    const from = (this.#from + this.#unwrittenCount - count) % capacity
    const next = (from + count) % capacity
    const straight = Math.min(count, capacity - from)
    const parts = [filter.slots(from, straight), filter.slots(0, count - straight), RecentFilter.head(next)]
    const taken = this.#unwrittenCount
    try {
      // The slots first: a header that is behind forgets the newest, one that is ahead would know none.
      for (const { position, bytes } of parts) if (bytes.length > 0) await slots!.write(position, bytes)
    } catch (error) {
      onError(error)
      return
    }
    this.#unwrittenCount -= taken
    this.#from = next
  }
}
