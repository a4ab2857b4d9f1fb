import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SipHash, siphash } from '../../../src/crypto/siphash.ts'

const key = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
const message = Buffer.from(Array.from({ length: 300 }, (_, index) => index & 0xff))

// From the reference implementation's table for SipHash-2-4; length 15 is the paper's own example (appendix A).
const reference: readonly (readonly [length: number, digest: string])[] = [
  [0, '310e0edd47db6f72'],
  [1, 'fd67dc93c539f874'],
  [8, '6224939a79f5f593'],
  [15, 'e545be4961ca29a1'],
]

for (const [length, digest] of reference) {
  test(`hashes ${length} bytes as the reference does`, () => {
    assert.equal(siphash(key, message.subarray(0, length)).toString('hex'), digest)
  })
}

test('agrees with a BigInt SipHash on every length to 300, past the byte counter', () => {
  const otherKey = Buffer.from('fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0', 'hex')
  for (let length = 0; length <= message.length; length++) {
    const bytes = message.subarray(0, length)
    assert.equal(siphash(key, bytes).readBigUInt64LE(), bigSipHash(key, bytes))
    assert.equal(siphash(otherKey, bytes).readBigUInt64LE(), bigSipHash(otherKey, bytes))
  }
})

test('does not care how its input was chopped', () => {
  const hash = new SipHash(key)
  for (const [start, end] of [
    [0, 3],
    [3, 3],
    [3, 20],
    [20, 32],
    [32, 299],
  ] as const)
    hash.update(message.subarray(start, end))
  assert.deepEqual(hash.digest(), siphash(key, message.subarray(0, 299)))
})

test('goes on after a digest', () => {
  const hash = new SipHash(key).update(message.subarray(0, 5))
  assert.deepEqual(hash.digest(), hash.digest())
  assert.deepEqual(hash.update(message.subarray(5, 15)).digest(), siphash(key, message.subarray(0, 15)))
})

test('takes words and bytes alike, but a word only where one begins', () => {
  const hash = new SipHash(key).updateWord(0x03020100, 0x07060504)
  assert.equal(hash.digest().toString('hex'), '6224939a79f5f593')
  hash.update(message.subarray(8, 9))
  assert.throws(() => hash.updateWord(0, 0), RangeError)
})

test('refuses a key of another length', () => {
  assert.throws(() => new SipHash(Buffer.alloc(15)), RangeError)
})

/** Computes SipHash-2-4 as the paper's figures say, in 64-bit arithmetic. */
function bigSipHash(key: Buffer, message: Buffer): bigint {
  const [k0, k1] = [key.readBigUInt64LE(0), key.readBigUInt64LE(8)]
  let v0 = k0 ^ 0x736f6d6570736575n
  let v1 = k1 ^ 0x646f72616e646f6dn
  let v2 = k0 ^ 0x6c7967656e657261n
  let v3 = k1 ^ 0x7465646279746573n
  const rotate = (word: bigint, by: bigint): bigint => BigInt.asUintN(64, word << by) | (word >> (64n - by))
  const add = (a: bigint, b: bigint): bigint => BigInt.asUintN(64, a + b)
  const round = (): void => {
    v0 = add(v0, v1)
    v2 = add(v2, v3)
    v1 = rotate(v1, 13n) ^ v0
    v3 = rotate(v3, 16n) ^ v2
    v0 = rotate(v0, 32n)
    v2 = add(v2, v1)
    v0 = add(v0, v3)
    v1 = rotate(v1, 17n) ^ v2
    v3 = rotate(v3, 21n) ^ v0
    v2 = rotate(v2, 32n)
  }
  const padded = Buffer.alloc((message.length & ~7) + 8)
  message.copy(padded)
  padded[padded.length - 1] = message.length & 0xff
  for (let offset = 0; offset < padded.length; offset += 8) {
    const word = padded.readBigUInt64LE(offset)
    v3 ^= word
    round()
    round()
    v0 ^= word
  }
  v2 ^= 0xffn
  for (let count = 0; count < 4; count++) round()
  return v0 ^ v1 ^ v2 ^ v3
}
