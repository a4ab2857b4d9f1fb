import assert from 'node:assert/strict'
import { test } from 'node:test'
import { x25519 as nobleX25519 } from '@noble/curves/ed25519.js'
import { importX25519PrivateKey, x25519, x25519PublicKey } from '../../../src/crypto/x25519.ts'
import { hex, vectors } from './vectors.ts'

test('computes the example of RFC 7748, section 5.2', () => {
  const secret = x25519(
    hex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4'),
    hex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c'),
  )
  assert.equal(secret?.toString('hex'), 'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552')
})

test('computes both exchanges of the vector from unclamped keys and a key off the prime-order subgroup', () => {
  const privateKey = hex(vectors.client.private)
  assert.equal(x25519(privateKey, hex(vectors.server.public))?.toString('hex'), vectors.handshake.dh_xY)
  assert.equal(x25519(privateKey, hex(vectors.identity.public))?.toString('hex'), vectors.handshake.dh_xB)
})

test('computes the public key of the vector', () => {
  const privateKey = hex(vectors.identity.private)
  assert.equal(x25519PublicKey(privateKey).toString('hex'), vectors.identity.public)
  assert.equal(x25519PublicKey(importX25519PrivateKey(privateKey)).toString('hex'), vectors.identity.public)
})

test('agrees with @noble/curves on public keys that are not canonical, with raw and with imported keys', () => {
  const privateKey = hex(vectors.identity.private)
  const imported = importX25519PrivateKey(privateKey)
  for (const first of [0xee, 0xf0, 0xff]) {
    for (const last of [0x7f, 0xff]) {
      const publicKey = Buffer.alloc(32, 0xff).fill(first, 0, 1).fill(last, 31)
      const expected = first === 0xee ? undefined : Buffer.from(nobleX25519.getSharedSecret(privateKey, publicKey))
      assert.deepEqual(x25519(privateKey, publicKey), expected)
      assert.deepEqual(x25519(imported, publicKey), expected)
    }
  }
})

// RFC 7748, section 6.1, has the peer's point of low order give zero: the u-coordinates 0, 1, -1, of order 8, and p and p + 1.
for (const point of [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
]) {
  test(`returns undefined for the point of low order ${point.slice(0, 8)}…${point.slice(-2)}`, () => {
    assert.equal(x25519(hex(vectors.client.private), hex(point)), undefined)
  })
}

test('refuses keys of other lengths', () => {
  const key = hex(vectors.identity.public)
  assert.throws(() => x25519(key.subarray(1), key), RangeError)
  assert.throws(() => x25519(key, key.subarray(1)), RangeError)
  assert.throws(() => x25519PublicKey(key.subarray(1)), RangeError)
})
