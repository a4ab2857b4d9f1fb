import { Buffer } from 'node:buffer'
import type { ExactReader } from '../../util/exact-reader.ts'
import { byteLengthOf, takeBytes } from '../../util/take-bytes.ts'
import { type CountingAead, TAG_LENGTH } from './aead.ts'

const LENGTH_LENGTH = 2
const LENGTH_BOX_LENGTH = LENGTH_LENGTH + TAG_LENGTH
/** What a chunk adds to its bytes. */
const CHUNK_OVERHEAD = LENGTH_BOX_LENGTH + TAG_LENGTH

/** What chunks may be. */
export interface ChunkRules {
  /** The longest chunk in bytes. */
  readonly maxLength: number
  /** Whether a chunk may have no byte. */
  readonly mayBeEmpty: boolean
}

export const CHUNKS_2017: ChunkRules = Object.freeze({ maxLength: 0x3fff, mayBeEmpty: false })
export const CHUNKS_2022: ChunkRules = Object.freeze({ maxLength: 0xffff, mayBeEmpty: true })

const lengthField = Buffer.alloc(LENGTH_LENGTH)

/** Bytes on the wire of the chunks of `length` bytes. */
export function chunksLength(length: number, { maxLength }: ChunkRules): number {
  return length + Math.ceil(length / maxLength) * CHUNK_OVERHEAD
}

/** Seals bytes, which it uses up, as chunks into `target` from `at` on; returns where they end. */
export function sealChunks(
  aead: CountingAead,
  bytes: Uint8Array[],
  { rules, target, at }: { readonly rules: ChunkRules; readonly target: Buffer; readonly at: number },
): number {
  let end = at
  for (let left = byteLengthOf(bytes); left > 0; left -= rules.maxLength) {
    lengthField.writeUInt16BE(Math.min(left, rules.maxLength))
    end = aead.seal([lengthField], target, end)
    end = aead.seal(takeBytes(bytes, rules.maxLength), target, end)
  }
  return end
}

/** Reads chunks, in any chopping. */
export class ChunkReader {
  readonly #reader: ExactReader
  readonly #aead: CountingAead
  readonly #rules: ChunkRules
  /** Of the chunk whose length is known. */
  #length: number | undefined

  /** Takes chunks off `reader`, which the caller feeds. */
  constructor(reader: ExactReader, aead: CountingAead, rules: ChunkRules) {
    this.#reader = reader
    this.#aead = aead
    this.#rules = rules
  }

  /** Whether a chunk has begun and is not whole. */
  get isMidway(): boolean {
    return this.#length !== undefined || this.#reader.pendingLength > 0
  }

  /** The next chunk in a buffer of the caller's, 'more' where it is not whole, 'forged' where it is not genuine: then no more may be read. */
  next(): Buffer | 'more' | 'forged' {
    if (this.#length === undefined) {
      const box = this.#reader.take(LENGTH_BOX_LENGTH)
      if (box === undefined) return 'more'
      const length = this.#aead.open(box)?.readUInt16BE()
      if (length === undefined || length > this.#rules.maxLength) return 'forged'
      if (length === 0 && !this.#rules.mayBeEmpty) return 'forged'
      this.#length = length
    }
    const box = this.#reader.take(this.#length + TAG_LENGTH)
    if (box === undefined) return 'more'
    this.#length = undefined
    return this.#aead.open(box) ?? 'forged'
  }

  /** All chunks that have come whole, as one buffer of the caller's; undefined where there is none. */
  rest(): { readonly data: Buffer | undefined; readonly isForged: boolean } {
    const chunks: Buffer[] = []
    let chunk = this.next()
    while (typeof chunk !== 'string') {
      if (chunk.length > 0) chunks.push(chunk)
      chunk = this.next()
    }
    const data = chunks.length > 1 ? Buffer.concat(chunks) : chunks[0]
    return { data, isForged: chunk === 'forged' }
  }
}
