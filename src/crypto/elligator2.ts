/**
 * Keys that look like random bytes: Curve25519 key pairs with Elligator 2 representatives, as obfs4proxy makes them since 0.0.14.
 *
 * A public key alone would show itself, since it is always of prime order while a random string decodes to a point of any order. So
 * the key that is sent has a point of low order added; X25519 clamps every scalar to a multiple of 8, which cancels that point.
 */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto'
import { type Random, randomBytes } from '../util/random.ts'
import { type Elligator2, referenceElligator2 } from './elligator2-reference.ts'
import { fieldKernel } from './field-kernel.ts'

export const REPRESENTATIVE_LENGTH = 32
export const ELLIGATOR_SEED_LENGTH = 32

/** A session key pair; all three buffers have 32 bytes and belong to the caller, who wipes the private key after use. */
export interface ElligatorKeyPair {
  /** The X25519 scalar, not clamped. */
  readonly privateKey: Buffer
  /** The u-coordinate that the representative decodes to; not of prime order in general. */
  readonly publicKey: Buffer
  /** What goes over the wire. */
  readonly representative: Buffer
}

/** Decodes a representative to a public key of 32 bytes in a new buffer; all strings of 32 bytes decode. Throws RangeError for another length. */
export function representativeToPublicKey(representative: Uint8Array): Buffer {
  if (representative.length !== REPRESENTATIVE_LENGTH) throw new RangeError('a representative has 32 bytes')
  return elligator2().representativeToPublicKey(representative)
}

/** Makes a key pair. Takes two tries on average, so that its duration tells the number of tries, though nothing of the key. */
export function generateElligatorKeyPair(random: Random): ElligatorKeyPair {
  for (;;) {
    const seed = randomBytes(random, ELLIGATOR_SEED_LENGTH)
    const pair = elligatorKeyPairFromSeed(seed)
    seed.fill(0)
    if (pair !== undefined) return pair
  }
}

/**
 * Derives the key pair of a seed of 32 bytes as obfs4proxy does; undefined for the half of all seeds whose point has no
 * representative. Throws RangeError for another length.
 */
export function elligatorKeyPairFromSeed(seed: Uint8Array): ElligatorKeyPair | undefined {
  if (seed.length !== ELLIGATOR_SEED_LENGTH) throw new RangeError('a key seed has 32 bytes')
  const digest = createHash('sha512').update(seed).digest()
  const lowOrderIndex = digest[0]! & 7
  const tweak = digest[63]!
  const pair = elligator2().edwardsToRepresentative(baseMultiple(seed), lowOrderIndex, tweak)
  const privateKey = Buffer.from(digest.subarray(0, 32))
  digest.fill(0)
  return pair === undefined ? undefined : { privateKey, ...pair }
}

/**
 * Multiplies the base point by the clamped first half of SHA-512(seed), and compresses the product. That is what Ed25519 takes for
 * the public key of a seed (RFC 8032, section 5.1.5), so that OpenSSL does it in constant time.
 */
function baseMultiple(seed: Uint8Array): Buffer {
  const d = Buffer.from(seed.buffer, seed.byteOffset, seed.byteLength).toString('base64url')
  const privateKey = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', d, x: '' }, format: 'jwk' })
  return Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x!, 'base64url')
}

function elligator2(): Elligator2 {
  return fieldKernel() ?? referenceElligator2
}
