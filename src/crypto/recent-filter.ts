import { Buffer } from 'node:buffer'
import type { Random } from '../util/random.ts'
import { SIPHASH_DIGEST_LENGTH, SIPHASH_KEY_LENGTH, SipHash } from './siphash.ts'

/**
 * The file of a filter: a header, then one slot per tag, which are zero until they are used. Integers are little-endian.
 *
 *     header  8 magic ‖ 4 version ‖ 4 capacity ‖ 4 next slot ‖ 4 zero ‖ 16 SipHash key
 *     slot    8 SipHash-2-4 of the tag
 */
const MAGIC = Buffer.from('ptrecent', 'latin1')
const VERSION = 1
const VERSION_POSITION = 8
const CAPACITY_POSITION = 12
const NEXT_POSITION = 16
const KEY_POSITION = 24
const HEADER_LENGTH = KEY_POSITION + SIPHASH_KEY_LENGTH
const SMALLEST_CAPACITY = 1_024
/** Slots of the table for each tag: how many must be looked at grows with how full it is. */
const TABLE_FACTOR = 2

/** The length in bytes of the file of a filter of `capacity` tags. */
export function recentFileLength(capacity: number): number {
  return HEADER_LENGTH + capacity * SIPHASH_DIGEST_LENGTH
}

/** Makes the content of a new file, under a random key, in a buffer owned by the caller. */
export function createRecentFile(capacity: number, random: Random): Buffer {
  const content = Buffer.alloc(recentFileLength(capacity))
  MAGIC.copy(content)
  content.writeUInt32LE(VERSION, VERSION_POSITION)
  content.writeUInt32LE(capacity, CAPACITY_POSITION)
  random.fill(content.subarray(KEY_POSITION, HEADER_LENGTH))
  return content
}

/** Tells whether the content has the length, magic, version and capacity of a filter's file. */
export function isRecentFile(content: Buffer, capacity: number): boolean {
  return (
    content.length === recentFileLength(capacity) &&
    content.subarray(0, MAGIC.length).equals(MAGIC) &&
    content.readUInt32LE(VERSION_POSITION) === VERSION &&
    content.readUInt32LE(CAPACITY_POSITION) === capacity &&
    content.readUInt32LE(NEXT_POSITION) < capacity
  )
}

/**
 * Remembers the newest `capacity` tags by keyed hashes of 8 bytes: a ring in the order of their coming, and a table of open addressing (linear probing) over it. Both grow
 * with what is in them, to 16 bytes a tag when full.
 */
export class RecentFilter {
  readonly #capacity: number
  readonly #key: Buffer
  /** Low and high half of each hash. */
  #ring: Int32Array
  /** Place in the ring and 1, or 0 where there is none. */
  #table: Uint32Array
  #count = 0
  #next = 0
  readonly #digest = new Int32Array(2)

  /** Starts empty, under a random key. */
  constructor(capacity: number, random: Random) {
    this.#capacity = capacity
    this.#key = random.fill(Buffer.allocUnsafeSlow(SIPHASH_KEY_LENGTH))
    const places = Math.min(capacity, SMALLEST_CAPACITY)
    this.#ring = new Int32Array(2 * places)
    this.#table = new Uint32Array(tableLengthOf(places))
  }

  /** Starts from the content of a file, which isRecentFile() has said it is; the content is read, not kept. */
  static load(content: Buffer): RecentFilter {
    const capacity = content.readUInt32LE(CAPACITY_POSITION)
    const key = content.subarray(KEY_POSITION, HEADER_LENGTH)
    const filter = new RecentFilter(capacity, { fill: (target) => (target.set(key), target) })
    const next = content.readUInt32LE(NEXT_POSITION)
    const isUsed = (place: number): boolean =>
      content.readBigUInt64LE(HEADER_LENGTH + place * SIPHASH_DIGEST_LENGTH) !== 0n
    const isFull = isUsed(capacity - 1)
    // A process that was killed may have written slots and not the header: in a full ring they count as the oldest.
    let count = isFull ? capacity : next
    while (count < capacity && isUsed(count)) count++
    for (let place = 0; place < count; place++) {
      const position = HEADER_LENGTH + place * SIPHASH_DIGEST_LENGTH
      filter.#append(content.readInt32LE(position), content.readInt32LE(position + 4))
    }
    if (isFull) filter.#next = next
    return filter
  }

  /** How many tags are remembered. */
  get size(): number {
    return this.#count
  }

  /** Where in the ring the next tag will go. */
  get next(): number {
    return this.#next
  }

  /** Remembers a tag of any length, in place of the oldest where all places are taken. Returns false, and changes nothing, where it is known. */
  insert(tag: Uint8Array): boolean {
    new SipHash(this.#key).update(tag).digestWords(this.#digest)
    const low = this.#digest[0]!
    const high = this.#digest[1]!
    if (this.#table[this.#find(low, high)] !== 0) return false
    this.#append(low, high)
    return true
  }

  /** The slots of `count` tags from place `from` on, as they stand in the file; they must not run past the end of the ring. */
  slots(from: number, count: number): { readonly position: number; readonly bytes: Uint8Array } {
    const bytes = Buffer.allocUnsafe(count * SIPHASH_DIGEST_LENGTH)
    for (let index = 0; index < 2 * count; index++) bytes.writeInt32LE(this.#ring[2 * from + index]!, 4 * index)
    return { position: HEADER_LENGTH + from * SIPHASH_DIGEST_LENGTH, bytes }
  }

  /** The part of the file's header that says where the next tag goes, where that is `next`. */
  static head(next: number): { readonly position: number; readonly bytes: Uint8Array } {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(next)
    return { position: NEXT_POSITION, bytes }
  }

  #append(low: number, high: number): void {
    if (this.#count < this.#capacity && this.#next === this.#ring.length / 2) this.#grow()
    if (this.#count === this.#capacity) this.#remove(this.#next)
    else this.#count += 1
    this.#ring[2 * this.#next] = low
    this.#ring[2 * this.#next + 1] = high
    this.#table[this.#find(low, high)] = this.#next + 1
    this.#next = (this.#next + 1) % this.#capacity
  }

  /** The slot of the table that holds the hash, or else the free one where it would go. */
  #find(low: number, high: number): number {
    const mask = this.#table.length - 1
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const place = this.#table[slot]! - 1
      if (place < 0 || (this.#ring[2 * place] === low && this.#ring[2 * place + 1] === high)) return slot
    }
  }

  /** Takes a place of the ring out of the table, and moves those behind it up, so that none is cut off from where it is looked for. */
  #remove(place: number): void {
    const mask = this.#table.length - 1
    let gap = this.#find(this.#ring[2 * place]!, this.#ring[2 * place + 1]!)
    // A damaged file may have a hash twice: the newer place stays.
    if (this.#table[gap] !== place + 1) return
    for (let slot = (gap + 1) & mask; this.#table[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#ring[2 * (this.#table[slot]! - 1)]! & mask
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue
      this.#table[gap] = this.#table[slot]!
      gap = slot
    }
    this.#table[gap] = 0
  }

  #grow(): void {
    const places = Math.min(this.#capacity, this.#ring.length)
    const ring = new Int32Array(2 * places)
    ring.set(this.#ring)
    this.#ring = ring
    this.#table = new Uint32Array(tableLengthOf(places))
    for (let place = 0; place < this.#count; place++)
      this.#table[this.#find(ring[2 * place]!, ring[2 * place + 1]!)] = place + 1
  }
}

/** A power of two, so that a mask finds a slot. */
function tableLengthOf(places: number): number {
  return 2 ** Math.ceil(Math.log2(places * TABLE_FACTOR))
}
