import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HashDrbg } from '../../../src/crypto/drbg.ts'
import { siphash } from '../../../src/crypto/siphash.ts'
import { hex, vectors } from './vectors.ts'

test('draws the blocks of the vector', () => {
  const drbg = new HashDrbg(hex(vectors.drbg.seed))
  const blocks = vectors.drbg.blocks.map(() => drbg.next().toString('hex'))
  assert.deepEqual(blocks, vectors.drbg.blocks)
})

test('hashes the initial block and all blocks before, past 256 bytes', () => {
  const seed = hex('f0e1d2c3b4a5968778695a4b3c2d1e0f8877665544332211')
  const drbg = new HashDrbg(seed)
  let input = seed.subarray(16)
  for (let count = 0; count < 100; count++) {
    const block = drbg.next()
    assert.deepEqual(block, siphash(seed.subarray(0, 16), input))
    input = Buffer.concat([input, block])
  }
})

test('offers the newest block as two big-endian integers', () => {
  const drbg = new HashDrbg(hex(vectors.drbg.seed))
  for (const block of vectors.drbg.blocks) {
    drbg.advance()
    assert.equal(drbg.first, hex(block).readUInt32BE(0))
    assert.equal(drbg.second, hex(block).readUInt32BE(4))
  }
})

test('refuses a seed of another length', () => {
  assert.throws(() => new HashDrbg(Buffer.alloc(32)), RangeError)
})
