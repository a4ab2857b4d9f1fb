import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deriveBlake3Key } from '../../../src/crypto/blake3.ts'

// Of BLAKE3's own test vectors: the key material of 1 byte, 0x00, under their context.
test('derives as the vectors of BLAKE3 say', () => {
  const context = 'BLAKE3 2019-12-27 16:29:52 test vectors context'
  const derived = deriveBlake3Key(context, Buffer.alloc(1), 32).toString('hex')
  assert.equal(derived, 'b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c')
})
