/**
 * The field kernel: Elligator 2 for Curve25519 in both directions (elligator.org; Monocypher has the same maps), over GF(p), p = 2^255 - 19.
 *
 * The host copies 32 bytes to INPUT, calls one of the three exports at the end, and copies OUTPUT; it wipes both. All else that is secret
 * is wiped here before a call returns. No branch and no address depends on a field element. Whether a point has a representative is
 * returned, and so is public: the caller throws such a point away.
 */

import {
  ELEMENT, FIELD_SCRATCH, FIELD_SCRATCH_LENGTH,
  add, decode, encode, isOdd, isZero, move, multiply, multiplySmall, negate, power, set, square, subtract,
} from './field/arithmetic'

// ---- Memory. The host reads the exported ones.

/** 32 bytes. */
export const INPUT: usize = 64
/** 64 bytes: the u-coordinate, then the representative. */
export const OUTPUT: usize = 96

// Constants, unpacked from their words by each call that needs them: it costs next to nothing.
const CONSTANT_D = memory.data<u64>([0x75eb4dca135978a3, 0x00700a4d4141d8ab, 0x8cc740797779e898, 0x52036cee2b6ffe73])
const CONSTANT_ROOT = memory.data<u64>([0xc4ee1b274a0ea0b0, 0x2f431806ad2fe478, 0x2b4d00993dfbd7a7, 0x2b8324804fc1df0b])
const CONSTANT_TORSION_X = memory.data<u64>([0xdea14646c545d14a, 0x5c193c7013e5e238, 0xe933993238de4abb, 0x1fd5b9a006394a28])
const CONSTANT_TORSION_Y = memory.data<u64>([0xb027b2c28f95e826, 0xf098eff289f4c345, 0x3933c6d305acdfd5, 0x05fc536d880238b1])

/** The Montgomery curve's coefficient: v² = u³ + A·u² + u. */
const A: i64 = 486662

// Registers, wiped before every return.
const SCRATCH: usize = 4096
const ONE: usize = SCRATCH
const ROOT: usize = SCRATCH + ELEMENT
const CHECK: usize = SCRATCH + 2 * ELEMENT
const TURNED: usize = SCRATCH + 3 * ELEMENT
const T1: usize = SCRATCH + 4 * ELEMENT
const T2: usize = SCRATCH + 5 * ELEMENT
const T3: usize = SCRATCH + 6 * ELEMENT
const ZERO: usize = SCRATCH + 7 * ELEMENT
const X: usize = SCRATCH + 8 * ELEMENT
const Y: usize = SCRATCH + 9 * ELEMENT
const TORSION_X: usize = SCRATCH + 10 * ELEMENT
const TORSION_Y: usize = SCRATCH + 11 * ELEMENT
const NUMERATOR: usize = SCRATCH + 12 * ELEMENT
const DENOMINATOR: usize = SCRATCH + 13 * ELEMENT
const SHIFTED: usize = SCRATCH + 14 * ELEMENT
const W: usize = SCRATCH + 15 * ELEMENT
const INVERSE_ROOT: usize = SCRATCH + 16 * ELEMENT
const R: usize = SCRATCH + 17 * ELEMENT
const U: usize = SCRATCH + 18 * ELEMENT
const D: usize = SCRATCH + 19 * ELEMENT
const E: usize = SCRATCH + 20 * ELEMENT
const K: usize = SCRATCH + 21 * ELEMENT
const Q: usize = SCRATCH + 22 * ELEMENT
const OTHER: usize = SCRATCH + 23 * ELEMENT
const SCRATCH_LENGTH: usize = 24 * ELEMENT

/**
 * Sets `out` to a square root of 1 / `a` and returns 1 where `a` is a square and not 0; otherwise returns 0.
 * The candidate a^((p - 5) / 8) squared, times a, is a^((p - 1) / 4): a fourth root of 1, which is 1 or -1 for a square.
 */
function inverseSquareRoot(out: usize, a: usize): i32 {
  power(ROOT, a)
  square(CHECK, ROOT)
  multiply(CHECK, CHECK, a)
  subtract(T1, CHECK, ONE)
  const isOne = isZero(T1)
  add(T1, CHECK, ONE)
  const isMinusOne = isZero(T1)
  decode(T1, CONSTANT_ROOT)
  multiply(TURNED, ROOT, T1)
  move(ROOT, TURNED, isMinusOne)
  multiplySmall(out, ROOT, 1)
  return isOne | isMinusOne
}

// ---- The steps.

/** Prepares ONE and ZERO, which every call needs. */
function begin(): void {
  set(ONE, 1)
  set(ZERO, 0)
}

function wipe(): void {
  memory.fill(SCRATCH, 0, SCRATCH_LENGTH)
  memory.fill(FIELD_SCRATCH, 0, FIELD_SCRATCH_LENGTH)
}

/**
 * Sets X and Y from a compressed Edwards point at INPUT that is known to be on the curve (RFC 8032, section 5.1.3):
 * x² = (y² - 1) / (d·y² + 1), so that x = (y² - 1) / sqrt((y² - 1)(d·y² + 1)).
 */
function decompress(): void {
  const sign = <i32>(load<u8>(INPUT, 31) >> 7)
  decode(Y, INPUT)
  decode(D, CONSTANT_D)
  square(T2, Y)
  multiply(T3, T2, D)
  add(T3, T3, ONE)
  subtract(T2, T2, ONE)
  multiply(T3, T3, T2)
  inverseSquareRoot(X, T3)
  multiply(X, X, T2)
  negate(X, isOdd(X) ^ sign)
}

/** Sets TORSION_X and TORSION_Y to `index` times the generator of the points of low order. */
function lowOrderPoint(index: i32): void {
  const odd = index & 1
  const twice = ((index >> 1) & 1) & (odd ^ 1)
  decode(TORSION_X, CONSTANT_TORSION_X)
  decode(TORSION_Y, CONSTANT_TORSION_Y)
  move(TORSION_X, ZERO, odd ^ 1)
  move(TORSION_Y, ONE, odd ^ 1)
  decode(T1, CONSTANT_ROOT)
  move(TORSION_X, T1, twice)
  move(TORSION_Y, ZERO, twice)
  negate(TORSION_X, index >> 2)
  negate(TORSION_Y, ((index + 2) >> 2) & 1)
}

/**
 * Adds the point (TORSION_X, TORSION_Y) to (X, Y) and maps the sum to the Montgomery curve, u = (1 + y) / (1 - y), as a fraction.
 * The Edwards sum has y = (y1·y2 + x1·x2) / (1 - d·x1·x2·y1·y2).
 */
function addAndMap(): void {
  multiply(T1, X, TORSION_X)
  multiply(T2, Y, TORSION_Y)
  multiply(T3, T1, T2)
  decode(D, CONSTANT_D)
  multiply(T3, T3, D)
  subtract(T3, ONE, T3)
  add(T1, T1, T2)
  add(NUMERATOR, T3, T1)
  subtract(DENOMINATOR, T3, T1)
}

/**
 * Writes u = NUMERATOR / DENOMINATOR and its representative to OUTPUT; returns 0, and garbage there, where u has none.
 *
 * With S = N + A·D, v = -2·u·(u + A) is w / D² for w = -2·N·S. From t = 1 / sqrt(w·D²) all follows without an inversion:
 * 1 / sqrt(v) = t·D², thus r = N·D·t or S·D·t, and 1 / D = t²·w·D, thus u = N·t²·w·D.
 */
function represent(tweak: i32): i32 {
  multiplySmall(SHIFTED, DENOMINATOR, A)
  add(SHIFTED, SHIFTED, NUMERATOR)
  multiply(W, NUMERATOR, SHIFTED)
  multiplySmall(W, W, -2)
  square(T2, DENOMINATOR)
  multiply(T2, T2, W)
  const representable = inverseSquareRoot(INVERSE_ROOT, T2)

  square(U, INVERSE_ROOT)
  multiply(U, U, W)
  multiply(U, U, DENOMINATOR)
  multiply(U, U, NUMERATOR)
  encode(OUTPUT, U)

  multiply(R, INVERSE_ROOT, DENOMINATOR)
  multiplySmall(T2, NUMERATOR, 1)
  move(T2, SHIFTED, tweak & 1)
  multiply(R, R, T2)
  // r and -r have the same image: the one up to (p - 1) / 2 stands for both, the one whose double is even.
  add(T2, R, R)
  negate(R, isOdd(T2))
  encode(OUTPUT + 32, R)
  store<u8>(OUTPUT + 32, load<u8>(OUTPUT + 32, 31) | <u8>(tweak & 0xc0), 31)
  return representable
}

/**
 * Adds `lowOrderIndex` (0 to 7) times the generator of the points of low order to the compressed Edwards point at INPUT, which must be on
 * the curve. Writes the sum's u-coordinate and representative to OUTPUT and returns 1; returns 0 where it has no representative.
 */
export function edwardsToRepresentative(lowOrderIndex: i32, tweak: i32): i32 {
  begin()
  decompress()
  lowOrderPoint(lowOrderIndex)
  addAndMap()
  const representable = represent(tweak)
  wipe()
  return representable
}

/** Does the same for the u-coordinate at INPUT. */
export function montgomeryToRepresentative(tweak: i32): i32 {
  begin()
  decode(NUMERATOR, INPUT)
  set(DENOMINATOR, 1)
  const representable = represent(tweak)
  wipe()
  return representable
}

/**
 * Writes the u-coordinate for the representative at INPUT, less its two top bits, to OUTPUT.
 *
 * w = -A / E for E = 1 + 2·r². w³ + A·w² + w is a square exactly when q = K·E is, for K = -A·(E² - 2·A²·r²). With c = q^((p - 5) / 8),
 * c²·q is a fourth root of 1, so that 1 / q = q³·c⁸ in either case, and 1 / E = K / q. Neither E nor q is ever 0.
 */
export function representativeToMontgomery(): void {
  begin()
  store<u8>(INPUT, load<u8>(INPUT, 31) & 0x3f, 31)
  decode(R, INPUT)
  square(R, R)
  add(R, R, R)
  add(E, R, ONE)
  square(K, E)
  multiplySmall(T2, R, A)
  multiplySmall(T2, T2, A)
  subtract(K, K, T2)
  multiplySmall(K, K, -A)
  multiply(Q, K, E)
  power(ROOT, Q)
  square(CHECK, ROOT)
  square(T2, CHECK, 2)
  multiply(CHECK, CHECK, Q)
  square(T3, Q)
  multiply(T3, T3, Q)
  multiply(T2, T2, T3)
  multiply(T2, T2, K)
  multiplySmall(U, T2, -A)
  square(CHECK, CHECK)
  subtract(CHECK, CHECK, ONE)
  const isSquare = isZero(CHECK)
  set(T1, A)
  add(OTHER, U, T1)
  subtract(OTHER, ZERO, OTHER)
  move(U, OTHER, isSquare ^ 1)
  encode(OUTPUT, U)
  wipe()
}
