import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HashDrbg } from '../../../src/crypto/drbg.ts'
import { GoRand } from '../../../src/crypto/go-rand.ts'
import { hex, vectors } from './vectors.ts'

const seed = hex(vectors.drbg.seed)
const newRand = (): GoRand => new GoRand(new HashDrbg(seed))

test('draws the close delay of the vector', () => {
  const rand = new GoRand(new HashDrbg(hex(vectors.closeDelay.drbgSeed)))
  assert.equal(rand.intn(60), vectors.closeDelay.seconds)
})

test('draws Int63 and Int31 from the big-endian block', () => {
  const [wide, narrow] = [newRand(), newRand()]
  for (const block of vectors.drbg.blocks) {
    const int63 = hex(block).readBigUInt64BE() & (2n ** 63n - 1n)
    assert.equal(wide.int63(), int63)
    assert.equal(narrow.int31(), Number(int63 >> 32n))
  }
})

test('rounds Float64 as the 63-bit integer rounds', () => {
  const [integers, fractions] = [newRand(), newRand()]
  let inexact = 0
  for (let count = 0; count < 20_000; count++) {
    const integer = integers.int63()
    assert.equal(fractions.float64(), Number(integer) / 2 ** 63)
    if (BigInt(Number(integer)) !== integer) inexact++
  }
  assert.ok(inexact > 19_000, 'nearly all draws need rounding')
})

const roundingCases: readonly (readonly [name: string, integer: bigint])[] = [
  ['half a unit above even', 2n ** 62n + 2n ** 9n],
  ['half a unit above odd', 2n ** 62n + 3n * 2n ** 9n],
  ['just over half a unit', 2n ** 62n + 2n ** 9n + 1n],
  ['the largest that stays below 1', 2n ** 63n - 513n],
  ['zero', 0n],
  ['no upper half', 0xffffffffn],
]
for (const [name, integer] of roundingCases) {
  test(`rounds Float64 to nearest even: ${name}`, () => {
    assert.equal(new GoRand(fixed([integer])).float64(), Number(integer) / 2 ** 63)
  })
}

test('draws again what would round to 1', () => {
  const rand = new GoRand(fixed([2n ** 63n - 1n, 2n ** 63n - 512n, 2n ** 61n]))
  assert.equal(rand.float64(), 0.25)
})

test('rejects the incomplete last run of values in Intn', () => {
  const rand = new GoRand(fixed([(2n ** 31n - 1n) << 32n, (2n ** 31n - 9n) << 32n]))
  assert.equal(rand.intn(10), (2 ** 31 - 9) % 10)
})

test('draws a permutation, with a draw for its first step', () => {
  const [permuting, counting] = [newRand(), newRand()]
  const permutation = permuting.perm(1)
  counting.int31()
  assert.deepEqual([...permutation], [0])
  assert.equal(permuting.int31(), counting.int31())
  assert.deepEqual(
    [...newRand().perm(50)].sort((a, b) => a - b),
    Array.from({ length: 50 }, (_, index) => index),
  )
})

test('refuses a range without integers', () => {
  assert.throws(() => newRand().intn(0), RangeError)
  assert.throws(() => newRand().intn(2 ** 31), RangeError)
})

/** A generator that yields the given Int63 values in turn. */
function fixed(integers: readonly bigint[]): HashDrbg {
  const queue = [...integers]
  let current = 0n
  const drbg = new HashDrbg(seed)
  return Object.defineProperties(drbg, {
    advance: {
      value: () => {
        current = queue.shift()!
      },
    },
    first: { get: () => Number(current >> 32n) },
    second: { get: () => Number(current & 0xffffffffn) },
  })
}
