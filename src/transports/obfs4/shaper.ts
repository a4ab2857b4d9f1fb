import { createHash } from 'node:crypto'
import { WeightedDistribution } from '../../crypto/weighted-distribution.ts'
import type { Segment } from '../../core/codec.ts'
import { type Random, uniformInteger } from '../../util/random.ts'
import { FRAME_OVERHEAD_LENGTH, MAX_FRAME_LENGTH, MAX_PAYLOAD_LENGTH, PRNG_SEED_LENGTH } from './frame-format.ts'
import type { FrameEncoder } from './framing.ts'
import { encodedLength } from './framing.ts'
import type { IatMode } from './options.ts'

const MAX_DELAY_UNITS = 100
const UNITS_PER_MS = 10
/** A table may hold hardly anything but 0, which no segment can have: so many draws of it, then a whole segment. */
const MAX_ZERO_DRAWS = 64
/** From some tables no padding brings a rest to a drawn length: after so many tries in one write it leaves as it is. */
const MAX_PADDING_ROUNDS = 16

/** The two tables of a PRNG seed: burst lengths, 0 to 1,448 bytes, and delays, 0 to 100 in units of 100 µs. Immutable and shared. */
export class ShapeTables {
  readonly lengths: WeightedDistribution
  readonly #seed: Uint8Array
  #delays: WeightedDistribution | undefined

  /** Draws the tables from a seed of 24 bytes, which is copied. */
  constructor(seed: Uint8Array) {
    this.#seed = Uint8Array.from(seed)
    this.lengths = new WeightedDistribution(seed, 0, MAX_FRAME_LENGTH)
  }

  /** Drawn when it is first asked for: most connections delay nothing. */
  get delays(): WeightedDistribution {
    if (this.#delays === undefined) {
      const seed = createHash('sha256').update(this.#seed).digest().subarray(0, PRNG_SEED_LENGTH)
      this.#delays = new WeightedDistribution(seed, 0, MAX_DELAY_UNITS)
    }
    return this.#delays
  }
}

/**
 * Says which padding frames, by the zero bytes in each, bring a burst of `length` bytes to a last segment of `target` bytes.
 * Where the rest is too short for a frame, two frames end 21 bytes past the target, as the peers' do.
 */
export function burstPadding(length: number, target: number): readonly number[] {
  const tail = length % MAX_FRAME_LENGTH
  const missing = target >= tail ? target - tail : MAX_FRAME_LENGTH - tail + target
  if (missing > FRAME_OVERHEAD_LENGTH) return [missing - FRAME_OVERHEAD_LENGTH]
  return missing > 0 ? [MAX_PAYLOAD_LENGTH, missing] : []
}

/** Shapes one direction's writes in length and time, by iat-mode (obfs4-spec, "Inter-Arrival Time obfuscation"). */
export class Shaper {
  readonly #encoder: FrameEncoder
  readonly #iatMode: IatMode
  readonly #random: Random
  readonly #firstTables: () => ShapeTables
  #tables: ShapeTables | undefined

  /** `firstTables` is asked when something is to be sent before any tables were set. */
  constructor(encoder: FrameEncoder, firstTables: () => ShapeTables, iatMode: IatMode, random: Random) {
    this.#encoder = encoder
    this.#firstTables = firstTables
    this.#iatMode = iatMode
    this.#random = random
  }

  /** Where lengths and delays come from; a client's change when the server's seed arrives. */
  get tables(): ShapeTables {
    this.#tables ??= this.#firstTables()
    return this.#tables
  }

  set tables(tables: ShapeTables) {
    this.#tables = tables
  }

  /** Encodes one write of application bytes, at least one, to the segments that carry it. */
  shape(chunks: readonly Uint8Array[]): Segment[] {
    if (this.#iatMode === 2) return this.#shapeParanoid(chunks)
    let length = 0
    for (const chunk of chunks) length += chunk.byteLength
    const target = this.tables.lengths.sample(this.#random)
    const burst = this.#encoder.encode(chunks, burstPadding(encodedLength(length), target))
    if (this.#iatMode === 0) return [{ bytes: burst }]
    const segments: Segment[] = []
    for (let at = 0; at < burst.length; at += MAX_FRAME_LENGTH) {
      segments.push({ bytes: burst.subarray(at, at + MAX_FRAME_LENGTH), delayMs: this.#drawDelayMs() })
    }
    return segments
  }

  /** Makes one segment of padding alone, of a length from the table, or 21 bytes more. */
  pad(): Segment[] {
    return [{ bytes: this.#encoder.encode([], burstPadding(0, this.#drawLength())) }]
  }

  /** Sends segments of sampled lengths alone. The peers stop at a sampled 0; it is drawn again. */
  #shapeParanoid(chunks: readonly Uint8Array[]): Segment[] {
    const segments: Segment[] = []
    let burst = this.#encoder.encode(chunks)
    let rounds = 0
    while (burst.length > 0) {
      let target = this.#drawLength()
      if (burst.length < target) {
        if (rounds++ < MAX_PADDING_ROUNDS) {
          burst = Buffer.concat([burst, this.#encoder.encode([], burstPadding(burst.length, target))])
          if (burst.length !== target) continue
        } else target = burst.length
      }
      segments.push({ bytes: burst.subarray(0, target), delayMs: this.#drawDelayMs() })
      burst = burst.subarray(target)
    }
    return segments
  }

  #drawLength(): number {
    for (let draw = 0; draw < MAX_ZERO_DRAWS; draw++) {
      const length = this.tables.lengths.sample(this.#random)
      if (length > 0) return length
    }
    return MAX_FRAME_LENGTH
  }

  /** Timers have whole ms: rounds a delay up or down by chance, so that the mean stays. */
  #drawDelayMs(): number {
    const units = this.tables.delays.sample(this.#random)
    const roundUp = uniformInteger(this.#random, 0, UNITS_PER_MS - 1) < units % UNITS_PER_MS
    return Math.floor(units / UNITS_PER_MS) + (roundUp ? 1 : 0)
  }
}
