import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'
import { type Random, randomBytes, uniformFraction, uniformInteger } from '../../../src/util/random.ts'

/** A source that gives these bytes, then fails. */
function scripted(...script: number[][]): Random {
  return {
    fill: (target) => {
      const next = script.shift()
      assert.ok(next !== undefined && next.length === target.length, 'an unexpected draw')
      target.set(next)
      return target
    },
  }
}

test('draws bytes into a new buffer', () => {
  assert.deepEqual(randomBytes(scripted([1, 2, 3]), 3), Buffer.of(1, 2, 3))
  assert.equal(randomBytes(new SeededRandom(1), 0).length, 0)
})

test('rejects the draws that would favour small integers', () => {
  const biased = [0xff, 0xff, 0xff, 0xff]
  assert.equal(uniformInteger(scripted(biased, biased, [7, 0, 0, 0]), 10, 12), 11)
  assert.equal(uniformInteger(scripted(biased), 0, 255), 255)
  assert.equal(uniformInteger(scripted(biased), 0, 2 ** 32 - 1), 2 ** 32 - 1)
  assert.equal(uniformInteger(scripted([9, 9, 9, 9]), -5, -5), -5)
})

test('draws every integer of a range about equally often', () => {
  const random = new SeededRandom('uniform')
  const counts = Array.from({ length: 7 }, () => 0)
  for (let count = 0; count < 14_000; count++) counts[uniformInteger(random, -3, 3) + 3]! += 1
  for (const count of counts) assert.ok(Math.abs(count - 2000) < 250, counts.join(' '))
})

test('refuses a range that is none, or too wide', () => {
  for (const [min, max] of [
    [1, 0],
    [0.5, 2],
    [0, 2 ** 32],
    [Number.NaN, 1],
    [0, Infinity],
  ] as const)
    assert.throws(() => uniformInteger(new SeededRandom(1), min, max), RangeError)
})

test('draws fractions from 0 up to and without 1', () => {
  assert.equal(uniformFraction(scripted([0, 0, 0, 0, 0, 0, 0])), 0)
  const highest = uniformFraction(scripted([255, 255, 255, 255, 255, 255, 255]))
  assert.equal(highest, 1 - 2 ** -53)
  const random = new SeededRandom('fractions')
  let sum = 0
  for (let count = 0; count < 10_000; count++) sum += uniformFraction(random)
  assert.ok(Math.abs(sum / 10_000 - 0.5) < 0.02)
})
