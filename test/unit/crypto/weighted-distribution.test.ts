import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HashDrbg } from '../../../src/crypto/drbg.ts'
import { GoRand } from '../../../src/crypto/go-rand.ts'
import {
  WeightedDistribution,
  aliasTable,
  drawBiasedWeights,
  drawValues,
  drawWeights,
} from '../../../src/crypto/weighted-distribution.ts'
import { countingRandom } from './counting-random.ts'
import { hex, vectors } from './vectors.ts'

for (const vector of vectors.probdist) {
  test(`draws the table of the vector ${vector.name}`, () => {
    const rand = new GoRand(new HashDrbg(hex(vector.seed)))
    const values = drawValues(rand, vector.min, vector.max)
    const weights = drawWeights(rand, values.length)
    const { probabilities, aliases } = aliasTable(weights)
    assert.deepEqual([...values], vector.values)
    assert.deepEqual([...weights], vector.weights)
    assert.deepEqual([...probabilities], vector.prob)
    assert.deepEqual([...aliases], vector.alias)
    assert.deepEqual(new WeightedDistribution(hex(vector.seed), vector.min, vector.max).values, vector.values)
  })

  test(`samples ${vector.name} as often as its weights say`, () => {
    const distribution = new WeightedDistribution(hex(vector.seed), vector.min, vector.max)
    assertFrequencies(distribution, vector.weights)
  })
}

test('draws biased weights, each from what the earlier ones left', () => {
  const [biased, uniform] = [lenRand(), lenRand()]
  const weights = drawBiasedWeights(biased, 13)
  let used = 0
  for (const weight of weights) {
    assert.equal(weight, (1 - used) * uniform.float64())
    used += weight
  }
})

test('samples a biased distribution as often as its weights say', () => {
  const rand = lenRand()
  const count = drawValues(rand, 0, 1448).length
  const weights = drawBiasedWeights(rand, count)
  const distribution = new WeightedDistribution(hex(vectors.drbg.seed), 0, 1448, { biased: true })
  assertFrequencies(distribution, [...weights])
})

test('knows a range of one value', () => {
  const distribution = new WeightedDistribution(hex(vectors.drbg.seed), 7, 7)
  assert.deepEqual(distribution.values, [7])
  assert.equal(distribution.sample(countingRandom(0)), 7)
})

for (const [min, max] of [
  [5, 4],
  [-1, 4],
  [0, 65536],
  [0.5, 2],
] as const) {
  test(`refuses the range ${min}..${max}`, () => {
    assert.throws(() => new WeightedDistribution(hex(vectors.drbg.seed), min, max), RangeError)
  })
}

function lenRand(): GoRand {
  return new GoRand(new HashDrbg(hex(vectors.drbg.seed)))
}

/** Checks 20,000 samples against the weights, with five standard deviations of room, and that no other value occurs. */
function assertFrequencies(distribution: WeightedDistribution, weights: readonly number[]): void {
  const random = countingRandom(0)
  const sampleCount = 20_000
  const counts = new Map(distribution.values.map((value) => [value, 0]))
  for (let count = 0; count < sampleCount; count++) {
    const value = distribution.sample(random)
    assert.ok(counts.has(value), `${value} is not in the table`)
    counts.set(value, counts.get(value)! + 1)
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  distribution.values.forEach((value, index) => {
    const share = weights[index]! / total
    const deviation = Math.sqrt(sampleCount * share * (1 - share))
    const distance = Math.abs(counts.get(value)! - sampleCount * share)
    assert.ok(distance <= 5 * deviation + 1, `${value} came ${counts.get(value)} times`)
  })
}
