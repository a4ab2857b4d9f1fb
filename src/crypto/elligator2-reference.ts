/**
 * Elligator 2 for Curve25519 as its definition reads, in BigInt: the check of the field kernel, and what runs where WebAssembly is
 * missing. Not constant-time, and some thirty times slower.
 */

/** The curve arithmetic that Elligator 2 needs; every byte string has 32 bytes, and results are new buffers owned by the caller. */
export interface Elligator2 {
  /** Decodes a representative, whose two top bits do not count, to a u-coordinate. */
  representativeToPublicKey(representative: Uint8Array): Buffer
  /** Encodes a u-coordinate; undefined where it has no representative. The tweak's bit 0 chooses between two, bits 6 and 7 go on top. */
  publicKeyToRepresentative(publicKey: Uint8Array, tweak: number): Buffer | undefined
  /**
   * Adds the point of low order with the given index (0 to 7) to a compressed Edwards point, which must be on the curve, and encodes
   * the sum; undefined where it has no representative.
   */
  edwardsToRepresentative(point: Uint8Array, lowOrderIndex: number, tweak: number): Representation | undefined
}

export interface Representation {
  /** The u-coordinate. */
  readonly publicKey: Buffer
  readonly representative: Buffer
}

interface EdwardsPoint {
  readonly x: bigint
  readonly y: bigint
}

const P = 2n ** 255n - 19n
const A = 486662n
const D = modulo(-121665n * invert(121666n))
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n)
/** Generates the eight points of low order. */
const TORSION: EdwardsPoint = {
  x: 0x1fd5b9a006394a28e933993238de4abb5c193c7013e5e238dea14646c545d14an,
  y: 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
}

export const referenceElligator2: Elligator2 = {
  representativeToPublicKey(representative) {
    const r = readInteger(representative) % 2n ** 254n
    const w = modulo(-A * invert(1n + 2n * r * r))
    return writeInteger(isSquare(w * w * w + A * w * w + w) ? w : modulo(-w - A))
  },

  publicKeyToRepresentative(publicKey, tweak) {
    return represent(modulo(readInteger(publicKey) % 2n ** 255n), tweak)
  },

  edwardsToRepresentative(point, lowOrderIndex, tweak) {
    let sum = decompress(point)
    for (let count = 0; count < lowOrderIndex; count++) sum = addPoints(sum, TORSION)
    const u = modulo((1n + sum.y) * invert(1n - sum.y))
    const representative = represent(u, tweak)
    return representative === undefined ? undefined : { publicKey: writeInteger(u), representative }
  },
}

function represent(u: bigint, tweak: number): Buffer | undefined {
  const v = modulo(-2n * u * (u + A))
  if (!isSquare(v)) return undefined
  const r = modulo(invert(squareRoot(v)) * ((tweak & 1) === 0 ? u : u + A))
  const representative = writeInteger(r > (P - 1n) / 2n ? P - r : r)
  representative[31]! |= tweak & 0xc0
  return representative
}

/** Decompresses by RFC 8032, section 5.1.3. */
function decompress(bytes: Uint8Array): EdwardsPoint {
  const y = modulo(readInteger(bytes) % 2n ** 255n)
  const x = squareRoot(modulo((y * y - 1n) * invert(D * y * y + 1n)))
  const sign = BigInt(bytes[31]! >> 7)
  return { x: x % 2n === sign ? x : modulo(-x), y }
}

function addPoints(a: EdwardsPoint, b: EdwardsPoint): EdwardsPoint {
  const product = D * a.x * b.x * a.y * b.y
  return {
    x: modulo((a.x * b.y + a.y * b.x) * invert(1n + product)),
    y: modulo((a.y * b.y + a.x * b.x) * invert(1n - product)),
  }
}

function modulo(value: bigint): bigint {
  const rest = value % P
  return rest < 0n ? rest + P : rest
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let square = modulo(base)
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = modulo(result * square)
    square = modulo(square * square)
  }
  return result
}

function invert(value: bigint): bigint {
  return power(value, P - 2n)
}

/** Tells whether `value` is a square other than 0, by Euler's criterion. */
function isSquare(value: bigint): boolean {
  return power(value, (P - 1n) / 2n) === 1n
}

/** Computes a square root of a square: of the two candidates that p = 5 modulo 8 leaves, the one that is right. */
function squareRoot(value: bigint): bigint {
  const candidate = power(value, (P + 3n) / 8n)
  return modulo(candidate * candidate) === modulo(value) ? candidate : modulo(candidate * ROOT_OF_MINUS_ONE)
}

function readInteger(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}

function writeInteger(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse()
}
