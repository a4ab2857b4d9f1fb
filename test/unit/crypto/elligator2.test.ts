import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { before, describe, test } from 'node:test'
import { ed25519 } from '@noble/curves/ed25519.js'
import {
  type ElligatorKeyPair,
  elligatorKeyPairFromSeed,
  generateElligatorKeyPair,
  representativeToPublicKey,
} from '../../../src/crypto/elligator2.ts'
import { referenceElligator2 } from '../../../src/crypto/elligator2-reference.ts'
import { x25519, x25519PublicKey } from '../../../src/crypto/x25519.ts'
import { countingRandom } from './counting-random.ts'
import { looksUniform, representativeStatistics } from './point-order.ts'
import { hex, vectors } from './vectors.ts'

for (const name of ['client', 'server'] as const) {
  const vector = vectors[name]
  test(`derives the ${name}'s key pair of the vector from its seed`, () => {
    assert.deepEqual(elligatorKeyPairFromSeed(hex(vector.seed32)), {
      privateKey: hex(vector.private),
      publicKey: hex(vector.public),
      representative: hex(vector.representative),
    })
  })

  test(`decodes the ${name}'s representative of the vector whatever its two top bits`, () => {
    const representative = hex(vector.representative)
    for (const topBits of [0x00, 0x40, 0x80, 0xc0]) {
      representative[31] = (representative[31]! & 0x3f) | topBits
      assert.equal(representativeToPublicKey(representative).toString('hex'), vector.public)
    }
  })
}

test('refuses representatives and seeds of other lengths', () => {
  assert.throws(() => representativeToPublicKey(Buffer.alloc(31)), RangeError)
  assert.throws(() => elligatorKeyPairFromSeed(Buffer.alloc(33)), RangeError)
})

test('adds the point of low order that the private key names to the base multiple, by @noble/curves', () => {
  const torsion = ed25519.Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')
  const random = countingRandom(1)
  for (let count = 0; count < 64; count++) {
    const { privateKey, publicKey } = generateElligatorKeyPair(random)
    const clamped = Buffer.from(privateKey)
    clamped[0]! &= 248
    clamped[31] = (clamped[31]! & 127) | 64
    const scalar = BigInt(`0x${clamped.reverse().toString('hex')}`) % ed25519.Point.Fn.ORDER
    let point = ed25519.Point.BASE.multiply(scalar)
    for (let step = 0; step < (privateKey[0]! & 7); step++) point = point.add(torsion)
    assert.deepEqual(publicKey, Buffer.from(ed25519.utils.toMontgomery(point.toBytes())))
  }
})

test('tries seeds until one has a representative, about two on average', () => {
  const random = countingRandom(2)
  const pairCount = 400
  for (let count = 0; count < pairCount; count++) generateElligatorKeyPair(random)
  // The number of tries has mean 2 and variance 2.
  const deviation = Math.sqrt(2 * pairCount)
  assert.ok(Math.abs(random.drawnLength / 32 - 2 * pairCount) < 6 * deviation, `${random.drawnLength / 32} tries`)
})

describe('500 generated key pairs', () => {
  let pairs: readonly ElligatorKeyPair[]
  before(() => {
    const random = countingRandom(3)
    pairs = Array.from({ length: 500 }, () => generateElligatorKeyPair(random))
  })

  test('have representatives that decode to their public keys', () => {
    for (const { publicKey, representative } of pairs)
      assert.deepEqual(representativeToPublicKey(representative), publicKey)
  })

  test('exchange the same secret as clean public keys would', () => {
    const peer = hex(vectors.identity.private)
    for (const { privateKey, publicKey } of pairs.slice(0, 100)) {
      assert.deepEqual(x25519(peer, publicKey), x25519(privateKey, x25519PublicKey(peer)))
      assert.deepEqual(x25519(peer, publicKey), x25519(peer, x25519PublicKey(privateKey)))
    }
  })

  test('cover the whole curve, an eighth of prime order, and all four values of the top bits', () => {
    const statistics = representativeStatistics(
      pairs.map(({ representative }) => representative),
      representativeToPublicKey,
    )
    assert.ok(looksUniform(statistics), JSON.stringify(statistics))
    assert.ok(statistics.topBitCounts.every((count) => count > 0))
  })

  test('differ in all their parts', () => {
    for (const part of ['privateKey', 'publicKey', 'representative'] as const)
      assert.equal(new Set(pairs.map((pair) => pair[part].toString('hex'))).size, pairs.length)
  })
})

describe('the statistical check', () => {
  const digests = Array.from({ length: 500 }, (_, index) => createHash('sha256').update(String(index)).digest())

  test('accepts random strings', () => {
    assert.ok(looksUniform(representativeStatistics(digests, representativeToPublicKey)))
  })

  test('rejects a generator of prime order, as obfs4proxy had until 0.0.13', () => {
    const clean = digests.flatMap((digest) => {
      const sum = referenceElligator2.edwardsToRepresentative(ed25519.getPublicKey(digest), 0, digest[0]!)
      return sum === undefined ? [] : [sum.representative]
    })
    const statistics = representativeStatistics(clean, representativeToPublicKey)
    assert.equal(statistics.primeOrderCount, clean.length)
    assert.ok(!looksUniform(statistics))
    assert.ok(looksUniform({ ...statistics, primeOrderCount: Math.round(clean.length / 8) }))
  })

  test('rejects a generator that leaves top bits zero, as obfs4proxy had until 0.0.11', () => {
    for (const mask of [0x3f, 0x7f, 0xbf]) {
      const masked = digests.map((digest) => Buffer.concat([digest.subarray(0, 31), Buffer.from([digest[31]! & mask])]))
      assert.ok(!looksUniform(representativeStatistics(masked, representativeToPublicKey)))
    }
  })
})
