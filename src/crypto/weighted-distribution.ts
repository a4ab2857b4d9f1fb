import { type Random, uniformFraction, uniformInteger } from '../util/random.ts'
import { HashDrbg } from './drbg.ts'
import { GoRand } from './go-rand.ts'

/** The most values that a table has. */
export const MAXIMUM_VALUE_COUNT = 100

export interface WeightedDistributionOptions {
  /** Draws the weights as ScrambleSuit does, each from what the earlier ones left, so that few values dominate. Default false. */
  readonly biased?: boolean
}

/**
 * obfs4's distribution of burst lengths and delays: up to 100 values in a range, with weights, all drawn from a seed, so that
 * two bridges differ and the two ends of a link agree. Immutable: one may serve any number of connections. Takes about 1 KiB.
 */
export class WeightedDistribution {
  readonly #values: Uint16Array
  readonly #probabilities: Float64Array
  readonly #aliases: Uint8Array

  /** Draws a table from `seed` (24 bytes) of integers from `min` to `max`, both included and in 0 to 65535. Throws RangeError. */
  constructor(seed: Uint8Array, min: number, max: number, options: WeightedDistributionOptions = {}) {
    if (!isUint16(min) || !isUint16(max) || min > max) throw new RangeError(`no distribution over ${min}..${max}`)
    const rand = new GoRand(new HashDrbg(seed))
    this.#values = drawValues(rand, min, max)
    const count = this.#values.length
    const { probabilities, aliases } = aliasTable(
      options.biased === true ? drawBiasedWeights(rand, count) : drawWeights(rand, count),
    )
    this.#probabilities = probabilities
    this.#aliases = aliases
  }

  /** The values that `sample` can return, in the table's order, as a new array. */
  get values(): readonly number[] {
    return Array.from(this.#values)
  }

  /** Draws a value with its weight's probability; `random` is the platform's CSPRNG, never the seed. */
  sample(random: Random): number {
    const index = uniformInteger(random, 0, this.#values.length - 1)
    const keep = uniformFraction(random) <= this.#probabilities[index]!
    return this.#values[keep ? index : this.#aliases[index]!]!
  }
}

/** Draws which values the table has: a permutation of the range, cut to a drawn length. */
export function drawValues(rand: GoRand, min: number, max: number): Uint16Array {
  const rangeLength = max - min + 1
  const permutation = rand.perm(rangeLength)
  const count = rand.intn(Math.min(rangeLength, MAXIMUM_VALUE_COUNT)) + 1
  return Uint16Array.from(permutation.subarray(0, count), (offset) => min + offset)
}

/** Draws `count` independent uniform weights. */
export function drawWeights(rand: GoRand, count: number): Float64Array {
  return new Float64Array(count).map(() => rand.float64())
}

/** Draws `count` weights, each a uniform share of what the earlier ones left of 1. */
export function drawBiasedWeights(rand: GoRand, count: number): Float64Array {
  let used = 0
  return new Float64Array(count).map(() => {
    const weight = (1 - used) * rand.float64()
    used += weight
    return weight
  })
}

/** Builds Vose's alias table for at most 256 weights: slot i yields i with its probability, and its alias otherwise. */
export function aliasTable(weights: Float64Array): { probabilities: Float64Array; aliases: Uint8Array } {
  const count = weights.length
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const scaled = weights.map((weight) => (weight * count) / total)
  const probabilities = new Float64Array(count).fill(1)
  const aliases = new Uint8Array(count)
  const small: number[] = []
  const large: number[] = []
  scaled.forEach((weight, index) => (weight < 1 ? small : large).push(index))
  // What rounding leaves in either list keeps probability 1.
  while (small.length > 0 && large.length > 0) {
    const lesser = small.shift()!
    const greater = large.shift()!
    probabilities[lesser] = scaled[lesser]!
    aliases[lesser] = greater
    scaled[greater] = scaled[greater]! + scaled[lesser]! - 1
    ;(scaled[greater] < 1 ? small : large).push(greater)
  }
  return { probabilities, aliases }
}

function isUint16(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff
}
