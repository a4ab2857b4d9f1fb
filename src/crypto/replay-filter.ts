import type { Random } from '../util/random.ts'
import { SIPHASH_DIGEST_LENGTH, SIPHASH_KEY_LENGTH, siphash } from './siphash.ts'

/**
 * The file of a replay filter: a header, then slots, which are all zero until they are used. Integers are little-endian.
 *
 *     header  8 magic ‖ 4 version ‖ 4 count of slots ‖ 16 SipHash key
 *     slot    8 SipHash-2-4 of the tag ‖ 4 epoch hour + 1, 0 for never used
 */
const MAGIC = Buffer.from('ptreplay', 'latin1')
const VERSION = 1
const VERSION_POSITION = 8
const SLOT_COUNT_POSITION = 12
const KEY_POSITION = 16
const HEADER_LENGTH = KEY_POSITION + SIPHASH_KEY_LENGTH
const SLOT_LENGTH = SIPHASH_DIGEST_LENGTH + 4
const LAST_EPOCH_HOUR = 2 ** 32 - 2

/** How many tags a filter holds. */
export const REPLAY_SLOT_COUNT = 65_536
/** The length of a filter's file in bytes. */
export const REPLAY_FILE_LENGTH = HEADER_LENGTH + REPLAY_SLOT_COUNT * SLOT_LENGTH

/**
 * What became of a tag: `fresh`, and then `recorded` resolves when it is written, or rejects with the failure of the write (a rejection
 * that nobody awaits is not an unhandled one); `replay`, since it is in the table; or `full`, and then it is not in the table.
 */
export type ReplayVerdict =
  | { readonly verdict: 'fresh'; readonly recorded: Promise<void> }
  | { readonly verdict: 'replay' }
  | { readonly verdict: 'full' }

/** Writes bytes of the file at a position. */
export type ReplayWrite = (position: number, bytes: Uint8Array) => Promise<void>

const REPLAY: ReplayVerdict = Object.freeze({ verdict: 'replay' })
const FULL: ReplayVerdict = Object.freeze({ verdict: 'full' })
const NOTHING_TO_WRITE = Promise.resolve()

/** Makes the content of a new file, under a random key, in a buffer owned by the caller. */
export function createReplayFile(random: Random): Buffer {
  const content = Buffer.alloc(REPLAY_FILE_LENGTH)
  MAGIC.copy(content)
  content.writeUInt32LE(VERSION, VERSION_POSITION)
  content.writeUInt32LE(REPLAY_SLOT_COUNT, SLOT_COUNT_POSITION)
  random.fill(content.subarray(KEY_POSITION, HEADER_LENGTH))
  return content
}

/** Describes the file of a replay filter to who opens it. */
export function replayFileForm(name: string, random: Random) {
  return {
    name,
    length: REPLAY_FILE_LENGTH,
    create: () => createReplayFile(random),
    isValid: (content: Uint8Array) => ReplayFilter.validate(content),
    what: 'a replay filter of this version',
  }
}

/**
 * Remembers the tags (MACs) of handshakes, so that none is answered twice. The table is bounded, kept in memory, and written slot by slot.
 *
 * An entry lives while its MAC could verify: up to the hour after its own. What has expired leaves only when its slot is needed, the
 * oldest first and never-used slots before it; until then it is still found. So a clock that goes back makes no tag fresh.
 */
export class ReplayFilter {
  readonly #key: Buffer
  readonly #write: ReplayWrite | undefined
  /** Slots by hash. BigInts, since no other value of 64 bits is a key. */
  readonly #slots = new Map<bigint, number>()
  /** The hashes of each epoch hour that has any. */
  readonly #hashes = new Map<number, bigint[]>()
  /** The keys of #hashes, ascending: a few, unless the clock jumps about. */
  readonly #epochHours: number[] = []
  /** Slots never used, the last to be used first. */
  readonly #unused: Uint16Array
  #unusedCount = 0

  /**
   * Starts from the content of a file, from createReplayFile() or as it was read; without `write` it is kept in memory only. The
   * content is read, not kept. Throws RangeError where validate() says no.
   */
  constructor({ content, write }: { readonly content: Buffer; readonly write?: ReplayWrite | undefined }) {
    if (!ReplayFilter.validate(content)) throw new RangeError('this is not the content of a replay filter')
    this.#key = Buffer.from(content.subarray(KEY_POSITION, HEADER_LENGTH))
    this.#write = write
    this.#unused = new Uint16Array(REPLAY_SLOT_COUNT)
    this.#load(content)
  }

  /** Tells whether the content has the length, magic, version and slot count of a filter's file. */
  static validate(content: Uint8Array): boolean {
    if (content.length !== REPLAY_FILE_LENGTH) return false
    const bytes = Buffer.from(content.buffer, content.byteOffset, HEADER_LENGTH)
    return (
      bytes.subarray(0, MAGIC.length).equals(MAGIC) &&
      bytes.readUInt32LE(VERSION_POSITION) === VERSION &&
      bytes.readUInt32LE(SLOT_COUNT_POSITION) === REPLAY_SLOT_COUNT
    )
  }

  /** How many tags are in the table, expired ones included. */
  get size(): number {
    return this.#slots.size
  }

  /** Tells whether `insert` would find no slot in an hour: none is unused, and no entry has expired. */
  isFull(currentEpochHour: number): boolean {
    if (this.#unusedCount > 0) return false
    const oldest = this.#epochHours[0]
    return oldest === undefined || currentEpochHour <= oldest + 1
  }

  /**
   * Enters a tag of any length, which verified with `epochHour` (hours since 1970), while `currentEpochHour` is now. The verdict holds
   * at once: of two equal tags in one turn only the first is fresh. A tag whose write fails stays refused. Throws RangeError for an
   * epoch hour that is not a uint32 below 2^32 - 1.
   */
  insert(tag: Uint8Array, epochHour: number, currentEpochHour: number): ReplayVerdict {
    if (!Number.isInteger(epochHour) || epochHour < 0 || epochHour > LAST_EPOCH_HOUR)
      throw new RangeError('an epoch hour is a uint32 below 2^32 - 1')
    const digest = siphash(this.#key, tag)
    const hash = digest.readBigUInt64LE()
    if (this.#slots.has(hash)) return REPLAY
    const slot = this.#takeSlot(currentEpochHour)
    if (slot === undefined) return FULL
    this.#enter(hash, epochHour, slot)
    return { verdict: 'fresh', recorded: this.#record(slot, digest, epochHour) }
  }

  #record(slot: number, digest: Buffer, epochHour: number): Promise<void> {
    if (this.#write === undefined) return NOTHING_TO_WRITE
    const bytes = Buffer.allocUnsafe(SLOT_LENGTH)
    digest.copy(bytes)
    bytes.writeUInt32LE(epochHour + 1, SIPHASH_DIGEST_LENGTH)
    const recorded = this.#write(HEADER_LENGTH + slot * SLOT_LENGTH, bytes)
    // The connection may be gone before it asks.
    recorded.catch(() => undefined)
    return recorded
  }

  /** Finds a slot that was never used, or else takes the oldest entry's if that has expired. */
  #takeSlot(currentEpochHour: number): number | undefined {
    if (this.isFull(currentEpochHour)) return undefined
    if (this.#unusedCount > 0) return this.#unused[--this.#unusedCount]
    const oldest = this.#epochHours[0]!
    const hashes = this.#hashes.get(oldest)!
    const hash = hashes.pop()!
    if (hashes.length === 0) {
      this.#hashes.delete(oldest)
      this.#epochHours.shift()
    }
    const slot = this.#slots.get(hash)
    this.#slots.delete(hash)
    return slot
  }

  #enter(hash: bigint, epochHour: number, slot: number): void {
    this.#slots.set(hash, slot)
    const hashes = this.#hashes.get(epochHour)
    if (hashes !== undefined) {
      hashes.push(hash)
      return
    }
    this.#hashes.set(epochHour, [hash])
    let index = this.#epochHours.length
    while (index > 0 && this.#epochHours[index - 1]! > epochHour) index--
    this.#epochHours.splice(index, 0, epochHour)
  }

  #load(content: Buffer): void {
    // From the last, so that the first is the next to be used.
    for (let slot = REPLAY_SLOT_COUNT - 1; slot >= 0; slot--) {
      const position = HEADER_LENGTH + slot * SLOT_LENGTH
      const stored = content.readUInt32LE(position + SIPHASH_DIGEST_LENGTH)
      const hash = stored === 0 ? undefined : content.readBigUInt64LE(position)
      if (hash === undefined || this.#slots.has(hash)) this.#unused[this.#unusedCount++] = slot
      else this.#enter(hash, stored - 1, slot)
    }
  }
}
