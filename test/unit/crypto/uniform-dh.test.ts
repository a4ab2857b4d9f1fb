import assert from 'node:assert/strict'
import { getDiffieHellman } from 'node:crypto'
import { test } from 'node:test'
import {
  UNIFORM_DH_LENGTH,
  generateUniformDhKeyPair,
  uniformDhKeyPairOf,
  uniformDhSecret,
} from '../../../src/crypto/uniform-dh.ts'
import { vectors } from '../transports/scramblesuit/vectors.ts'
import { countingRandom } from './counting-random.ts'
import { hex } from './vectors.ts'

const { privateX, publicX, privateY, publicY, secret } = vectors.uniformDh
const prime = BigInt(`0x${getDiffieHellman('modp5').getPrime('hex')}`)
const encode = (value: bigint): Buffer => Buffer.from(value.toString(16).padStart(2 * UNIFORM_DH_LENGTH, '0'), 'hex')
const decode = (bytes: Buffer): bigint => BigInt(`0x${bytes.toString('hex')}`)

test('agrees with the known answers, of which one sends X and the other p - X', () => {
  const x = uniformDhKeyPairOf(hex(privateX))
  const y = uniformDhKeyPairOf(hex(privateY))
  assert.equal(x.publicValue.toString('hex'), publicX)
  assert.equal(y.publicValue.toString('hex'), publicY)
  assert.equal(uniformDhSecret(x.privateKey, y.publicValue)!.toString('hex'), secret)
  assert.equal(uniformDhSecret(y.privateKey, x.publicValue)!.toString('hex'), secret)
  assert.deepEqual(
    [x, y].map(({ privateKey }) => privateKey.at(-1)! & 1),
    [0, 0],
  )
})

test('gives one secret for Y and p - Y, as square and multiply does', () => {
  const { privateKey } = uniformDhKeyPairOf(hex(privateX))
  const negated = encode(prime - decode(hex(publicY)))
  assert.equal(uniformDhSecret(privateKey, negated)!.toString('hex'), secret)
  let power = 1n
  for (const bit of decode(privateKey).toString(2)) {
    power = (power * power) % prime
    if (bit === '1') power = (power * decode(hex(publicY))) % prime
  }
  assert.equal(encode(power).toString('hex'), secret)
})

test('pads secrets and values with zeros to 192 bytes', () => {
  const even = Buffer.concat([Buffer.alloc(UNIFORM_DH_LENGTH - 1), Buffer.of(4)])
  assert.deepEqual(uniformDhKeyPairOf(even).publicValue, encode(16n))
  assert.deepEqual(uniformDhSecret(even, encode(3n)), encode(81n))
})

test('sends X and p - X about equally often, with fresh keys', () => {
  const random = countingRandom(3)
  const pairs = Array.from({ length: 24 }, () => generateUniformDhKeyPair(random))
  const residues = pairs.filter(({ publicValue }) => {
    let power = 1n
    for (const bit of ((prime - 1n) / 2n).toString(2)) {
      power = (power * power) % prime
      if (bit === '1') power = (power * decode(publicValue)) % prime
    }
    return power === 1n
  })
  assert.ok(residues.length > 4 && residues.length < 20, String(residues.length))
  assert.equal(new Set(pairs.map(({ publicValue }) => publicValue.toString('hex'))).size, 24)
})

test('gives no secret for values that are not between 1 and p - 1', () => {
  const { privateKey } = uniformDhKeyPairOf(hex(privateX))
  for (const value of [0n, 1n, prime - 1n, prime, prime + 1n, 2n ** 1536n - 1n])
    assert.equal(uniformDhSecret(privateKey, encode(value)), undefined, String(value))
  for (const value of [2n, prime - 2n]) assert.equal(uniformDhSecret(privateKey, encode(value))!.length, 192)
})

test('refuses other lengths', () => {
  assert.throws(() => uniformDhKeyPairOf(Buffer.alloc(191)), RangeError)
  assert.throws(() => uniformDhSecret(Buffer.alloc(192, 2), Buffer.alloc(193)), RangeError)
})
