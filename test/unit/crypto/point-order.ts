import { ed25519 } from '@noble/curves/ed25519.js'

type Point = InstanceType<typeof ed25519.Point>

const { Point } = ed25519
const { Fp } = Point

/** Tells whether the point with the given u-coordinate (32 bytes) has prime order, or is neutral: the group order takes it to zero. */
export function isPrimeOrder(publicKey: Uint8Array): boolean {
  return fromMontgomery(publicKey).isTorsionFree()
}

/** What a sample of key pairs looks like to an observer who decodes their representatives. */
export interface RepresentativeStatistics {
  readonly count: number
  /** Points of prime order: an eighth of them, unless the generator stays in the subgroup. */
  readonly primeOrderCount: number
  /** How often each value of the two top bits came. */
  readonly topBitCounts: readonly number[]
}

/** Counts what tells a generator over the whole curve from a flawed one; `decode` maps a representative to a u-coordinate. */
export function representativeStatistics(
  representatives: readonly Uint8Array[],
  decode: (representative: Uint8Array) => Uint8Array,
): RepresentativeStatistics {
  const topBitCounts = [0, 0, 0, 0]
  let primeOrderCount = 0
  for (const representative of representatives) {
    topBitCounts[representative[31]! >> 6]!++
    if (isPrimeOrder(decode(representative))) primeOrderCount++
  }
  return { count: representatives.length, primeOrderCount, topBitCounts }
}

/**
 * Tells whether a sample looks drawn from all strings: counts lie within six standard deviations of an eighth and of a quarter, which a
 * correct generator misses once in 10^8 samples. Takes 100 representatives or more; the flaws miss it by tens of deviations from there on.
 */
export function looksUniform({ count, primeOrderCount, topBitCounts }: RepresentativeStatistics): boolean {
  return isNear(primeOrderCount, count, 1 / 8) && topBitCounts.every((topBits) => isNear(topBits, count, 1 / 4))
}

function isNear(hits: number, count: number, share: number): boolean {
  return Math.abs(hits - count * share) <= 6 * Math.sqrt(count * share * (1 - share))
}

/** Maps a u-coordinate to one of its two Edwards points, which have the same order; u = (1 + y) / (1 - y). */
function fromMontgomery(publicKey: Uint8Array): Point {
  const u = Fp.create(BigInt(`0x${Buffer.from(publicKey).reverse().toString('hex')}`))
  return Point.fromBytes(Fp.toBytes(Fp.div(Fp.sub(u, Fp.ONE), Fp.add(u, Fp.ONE))))
}
