import { type DiffieHellman, createDiffieHellman, getDiffieHellman } from 'node:crypto'
import { type Random, randomBytes } from '../util/random.ts'

/**
 * UniformDH, of obfs3 and ScrambleSuit: Diffie-Hellman over group 5 of RFC 3526 (1,536 bits) with values that look uniformly random. A
 * private key is even; X or p - X is sent, by chance, and both give the same secret.
 */

/** Bytes of private keys, public values and secrets, big-endian. */
export const UNIFORM_DH_LENGTH = 192

/** Buffers that belong to their owner; `privateKey` is even and a secret. */
export interface UniformDhKeyPair {
  readonly privateKey: Buffer
  readonly publicValue: Buffer
}

/** Makes a key pair. Takes about 1 ms. */
export function generateUniformDhKeyPair(random: Random): UniformDhKeyPair {
  const seed = randomBytes(random, UNIFORM_DH_LENGTH)
  const keyPair = uniformDhKeyPairOf(seed)
  seed.fill(0)
  return keyPair
}

/** Makes the key pair of 192 random bytes, which are left as they are: their lowest bit chooses between X and p - X. Throws RangeError for another length. */
export function uniformDhKeyPairOf(seed: Uint8Array): UniformDhKeyPair {
  if (seed.length !== UNIFORM_DH_LENGTH) throw new RangeError('a UniformDH key comes from 192 bytes')
  const privateKey = Buffer.from(seed)
  const negates = (privateKey[UNIFORM_DH_LENGTH - 1]! & 1) === 1
  privateKey[UNIFORM_DH_LENGTH - 1]! &= 0xfe
  const publicValue = withKey(privateKey, ({ group }) => padLeft(group.generateKeys()))
  return { privateKey, publicValue: negates ? negate(publicValue) : publicValue }
}

/**
 * Computes the secret shared with the owner of `publicValue`: 192 bytes in a new buffer owned by the caller; undefined for values that are
 * not between 1 and p - 1, whose secret everybody knows. Takes about 1 ms. Throws RangeError for another length.
 */
export function uniformDhSecret(privateKey: Uint8Array, publicValue: Uint8Array): Buffer | undefined {
  if (publicValue.length !== UNIFORM_DH_LENGTH) throw new RangeError('a UniformDH value has 192 bytes')
  if (!isBetween(publicValue)) return undefined
  return withKey(privateKey, ({ group }) => {
    try {
      return padLeft(group.computeSecret(publicValue))
    } catch {
      // An OpenSSL that knows the group by its prime takes the residues alone: of Y and p - Y the one.
      return padLeft(group.computeSecret(negate(publicValue)))
    }
  })
}

interface Arithmetic {
  readonly group: DiffieHellman
  readonly prime: Buffer
}

let arithmetic: Arithmetic | undefined

/** Made when it is first needed, and then used for all keys, one at a time. */
function sharedArithmetic(): Arithmetic {
  if (arithmetic === undefined) {
    const prime = getDiffieHellman('modp5').getPrime()
    arithmetic = { prime, group: createDiffieHellman(prime, 2) }
  }
  return arithmetic
}

const NO_KEY = Buffer.of(2)

/** Lends the group with a private key, which does not stay in it. */
function withKey<Result>(privateKey: Uint8Array, use: (arithmetic: Arithmetic) => Result): Result {
  const shared = sharedArithmetic()
  shared.group.setPrivateKey(privateKey)
  try {
    return use(shared)
  } finally {
    shared.group.setPrivateKey(NO_KEY)
  }
}

/** Tells whether 1 < value < p - 1. */
function isBetween(value: Uint8Array): boolean {
  const negated = negate(value)
  return Buffer.compare(value, sharedArithmetic().prime) < 0 && isAboveOne(value) && isAboveOne(negated)
}

function isAboveOne(value: Uint8Array): boolean {
  return value[UNIFORM_DH_LENGTH - 1]! > 1 || value.subarray(0, -1).some((byte) => byte !== 0)
}

/** Computes p - value modulo 2^1536. */
function negate(value: Uint8Array): Buffer {
  const { prime } = sharedArithmetic()
  const result = Buffer.allocUnsafe(UNIFORM_DH_LENGTH)
  let borrow = 0
  for (let index = UNIFORM_DH_LENGTH - 1; index >= 0; index--) {
    const difference = prime[index]! - value[index]! - borrow
    borrow = difference < 0 ? 1 : 0
    result[index] = difference
  }
  return result
}

function padLeft(value: Buffer): Buffer {
  if (value.length === UNIFORM_DH_LENGTH) return value
  return Buffer.concat([Buffer.alloc(UNIFORM_DH_LENGTH - value.length), value])
}
