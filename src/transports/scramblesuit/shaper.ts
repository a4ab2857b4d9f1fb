import { DRBG_SEED_LENGTH } from '../../crypto/drbg.ts'
import { WeightedDistribution } from '../../crypto/weighted-distribution.ts'
import type { Random } from '../../util/random.ts'
import { byteLengthOf } from '../../util/take-bytes.ts'
import type { PacketEncoder } from './packet-encoder.ts'
import { MAX_PACKET_LENGTH, PACKET_OVERHEAD_LENGTH, encodedLength } from './packet-format.ts'

/** Of two padding packets the first, on the wire. */
const FIRST_PADDING_LENGTH = 700

/** Draws the table of burst lengths, 21 to 1,448 bytes, from a PRNG seed of 32 bytes, of which 24 are used. */
export function drawLengths(prngSeed: Uint8Array): WeightedDistribution {
  const seed = prngSeed.subarray(0, DRBG_SEED_LENGTH)
  return new WeightedDistribution(seed, PACKET_OVERHEAD_LENGTH, MAX_PACKET_LENGTH, { biased: true })
}

/** Says which padding packets, by the zero bytes in each, bring a burst of `length` bytes to a last segment of `target` bytes. */
export function burstPadding(length: number, target: number): readonly number[] {
  const tail = length % MAX_PACKET_LENGTH
  let missing = target >= tail ? target - tail : MAX_PACKET_LENGTH - tail + target
  if (missing < PACKET_OVERHEAD_LENGTH) missing += MAX_PACKET_LENGTH
  const lengths = missing <= MAX_PACKET_LENGTH ? [missing] : [FIRST_PADDING_LENGTH, missing - FIRST_PADDING_LENGTH]
  return lengths.map((packetLength) => packetLength - PACKET_OVERHEAD_LENGTH)
}

/** Shapes the lengths of one direction's bursts. */
export class Shaper {
  readonly #encoder: PacketEncoder
  readonly #random: Random
  readonly #firstLengths: () => WeightedDistribution
  #lengths: WeightedDistribution | undefined

  /** `firstLengths` is asked when something is to be sent before any lengths were set. */
  constructor(encoder: PacketEncoder, firstLengths: () => WeightedDistribution, random: Random) {
    this.#encoder = encoder
    this.#firstLengths = firstLengths
    this.#random = random
  }

  /** Where lengths come from; a client's change when the server's seed arrives. */
  get lengths(): WeightedDistribution {
    this.#lengths ??= this.#firstLengths()
    return this.#lengths
  }

  set lengths(lengths: WeightedDistribution) {
    this.#lengths = lengths
  }

  /** Encodes one write of application bytes, at least one, as a padded burst; without any it is padding alone. */
  shape(chunks: readonly Uint8Array[]): Buffer {
    return this.#encoder.encode(chunks, this.#drawPadding(encodedLength(byteLengthOf(chunks))))
  }

  /** Encodes a packet of another kind as a padded burst of its own. */
  shapePacket(flag: number, payload: Uint8Array): Buffer {
    return this.#encoder.encodePacket(flag, payload, this.#drawPadding(PACKET_OVERHEAD_LENGTH + payload.length))
  }

  #drawPadding(length: number): readonly number[] {
    return burstPadding(length, this.lengths.sample(this.#random))
  }
}
