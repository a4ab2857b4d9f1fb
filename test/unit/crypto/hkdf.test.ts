import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hkdfExpandSha256, hkdfSha256, hmacSha256 } from '../../../src/crypto/hkdf.ts'
import { hex } from './vectors.ts'

test('derives what RFC 5869, appendix A.1, says', () => {
  const key = hkdfSha256(Buffer.alloc(22, 0x0b), {
    salt: hex('000102030405060708090a0b0c'),
    info: hex('f0f1f2f3f4f5f6f7f8f9'),
    length: 42,
  })
  assert.equal(
    key.toString('hex'),
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  )
})

test('computes the HMAC of RFC 4231, case 2, over parts', () => {
  const mac = hmacSha256(Buffer.from('Jefe'), Buffer.from('what do ya want '), Buffer.from('for nothing?'))
  assert.equal(mac.toString('hex'), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843')
})

test('expands a pseudo-random key as the whole of HKDF does after its extraction', () => {
  const pseudoRandomKey = hmacSha256(Buffer.alloc(32), Buffer.from('input'))
  const whole = hkdfSha256(Buffer.from('input'), { salt: Buffer.alloc(0), info: Buffer.alloc(0), length: 144 })
  assert.deepEqual(hkdfExpandSha256(pseudoRandomKey, 144), whole)
  assert.deepEqual(hkdfExpandSha256(pseudoRandomKey, 33), whole.subarray(0, 33))
})
