/**
 * Arithmetic in GF(p), p = 2^255 - 19, on elements in memory, in constant time.
 *
 * An element takes ten i64 limbs, of 26 and 25 bits in turn, signed: its value is the sum of limb[k] · 2^ceil(25.5 k). `multiply` and
 * `square` leave limbs of at most 2^25 and take limbs of 2^27 (of 2^26 where the limb has 25 bits), so that up to four sums or differences
 * may come between two of them. Operands may be the result.
 */

/** Bytes that an element takes. */
export const ELEMENT: usize = 80

/** Scratch of this module (static data lies below, from 1024), which the caller wipes: a carried element, a serialised one, and the three registers of `power`. */
export const FIELD_SCRATCH: usize = 2048
export const FIELD_SCRATCH_LENGTH: usize = 5 * ELEMENT
const CARRIED: usize = FIELD_SCRATCH
const BYTES: usize = FIELD_SCRATCH + ELEMENT
const P0: usize = FIELD_SCRATCH + 2 * ELEMENT
const P1: usize = FIELD_SCRATCH + 3 * ELEMENT
const P2: usize = FIELD_SCRATCH + 4 * ELEMENT

const MASK25: u64 = (1 << 25) - 1
const MASK26: u64 = (1 << 26) - 1

/** Reads 32 little-endian bytes without their top bit; 2^255 - 1 and other values above p are fine. */
export function decode(out: usize, bytes: usize): void {
  const w0 = load<u64>(bytes)
  const w1 = load<u64>(bytes, 8)
  const w2 = load<u64>(bytes, 16)
  const w3 = load<u64>(bytes, 24)
  store<u64>(out, w0 & MASK26)
  store<u64>(out, (w0 >> 26) & MASK25, 8)
  store<u64>(out, ((w0 >> 51) | (w1 << 13)) & MASK26, 16)
  store<u64>(out, (w1 >> 13) & MASK25, 24)
  store<u64>(out, w1 >> 38, 32)
  store<u64>(out, w2 & MASK25, 40)
  store<u64>(out, (w2 >> 25) & MASK26, 48)
  store<u64>(out, ((w2 >> 51) | (w3 << 13)) & MASK25, 56)
  store<u64>(out, (w3 >> 12) & MASK26, 64)
  store<u64>(out, (w3 >> 38) & MASK25, 72)
}

/** Writes the canonical 32 little-endian bytes. */
export function encode(bytes: usize, a: usize): void {
  // Carried limbs are off the canonical ones by a multiple of p between -1 and 1: find it, then carry that out.
  multiplySmall(CARRIED, a, 1)
  let quotient = (19 * load<i64>(CARRIED, 72) + (1 << 24)) >> 25
  for (let k: usize = 0; k < 10; k++) quotient = (load<i64>(CARRIED + 8 * k) + quotient) >> (26 - (<i64>k & 1))
  let carry = 19 * quotient
  for (let k: usize = 0; k < 10; k++) {
    const width = 26 - (<i64>k & 1)
    const limb = load<i64>(CARRIED + 8 * k) + carry
    carry = limb >> width
    store<i64>(CARRIED + 8 * k, limb - (carry << width))
  }
  const h2 = load<u64>(CARRIED, 16)
  const h7 = load<u64>(CARRIED, 56)
  store<u64>(bytes, load<u64>(CARRIED) | (load<u64>(CARRIED, 8) << 26) | (h2 << 51))
  store<u64>(bytes, (h2 >> 13) | (load<u64>(CARRIED, 24) << 13) | (load<u64>(CARRIED, 32) << 38), 8)
  store<u64>(bytes, load<u64>(CARRIED, 40) | (load<u64>(CARRIED, 48) << 25) | (h7 << 51), 16)
  store<u64>(bytes, (h7 >> 13) | (load<u64>(CARRIED, 64) << 12) | (load<u64>(CARRIED, 72) << 38), 24)
}

/** Sets `out` to an integer below 2^25. */
export function set(out: usize, value: i64): void {
  memory.fill(out, 0, ELEMENT)
  store<i64>(out, value)
}

export function add(out: usize, a: usize, b: usize): void {
  for (let k: usize = 0; k < ELEMENT; k += 8) store<i64>(out + k, load<i64>(a + k) + load<i64>(b + k))
}

export function subtract(out: usize, a: usize, b: usize): void {
  for (let k: usize = 0; k < ELEMENT; k += 8) store<i64>(out + k, load<i64>(a + k) - load<i64>(b + k))
}

/** Sets `out` to `a` where `bit` is 1, and leaves it where it is 0. */
export function move(out: usize, a: usize, bit: i32): void {
  const mask = -(<i64>bit)
  for (let k: usize = 0; k < ELEMENT; k += 8) {
    const old = load<i64>(out + k)
    store<i64>(out + k, old ^ (mask & (old ^ load<i64>(a + k))))
  }
}

/** Negates `a` in place where `bit` is 1. */
export function negate(a: usize, bit: i32): void {
  for (let k: usize = 0; k < ELEMENT; k += 8) store<i64>(CARRIED + k, -load<i64>(a + k))
  move(a, CARRIED, bit)
}

/** Returns 1 where `a` is 0 modulo p, and 0 otherwise. */
export function isZero(a: usize): i32 {
  encode(BYTES, a)
  const bits = load<u64>(BYTES) | load<u64>(BYTES, 8) | load<u64>(BYTES, 16) | load<u64>(BYTES, 24)
  return <i32>(((bits | (0 - bits)) >> 63) ^ 1)
}

/** Returns the lowest bit of the canonical value. */
export function isOdd(a: usize): i32 {
  encode(BYTES, a)
  return load<u8>(BYTES) & 1
}

/** Carries ten sums of products to limbs of 26 and 25 bits, rounding to nearest so that they stay small. */
@inline
function carryAndStore(
  out: usize,
  h0: i64, h1: i64, h2: i64, h3: i64, h4: i64, h5: i64, h6: i64, h7: i64, h8: i64, h9: i64,
): void {
  const half25: i64 = 1 << 24
  const half26: i64 = 1 << 25
  // Two chains, 0 to 4 and 4 to 9, which do not wait for each other.
  let carry = (h0 + half26) >> 26
  h1 += carry
  h0 -= carry << 26
  carry = (h4 + half26) >> 26
  h5 += carry
  h4 -= carry << 26
  carry = (h1 + half25) >> 25
  h2 += carry
  h1 -= carry << 25
  carry = (h5 + half25) >> 25
  h6 += carry
  h5 -= carry << 25
  carry = (h2 + half26) >> 26
  h3 += carry
  h2 -= carry << 26
  carry = (h6 + half26) >> 26
  h7 += carry
  h6 -= carry << 26
  carry = (h3 + half25) >> 25
  h4 += carry
  h3 -= carry << 25
  carry = (h7 + half25) >> 25
  h8 += carry
  h7 -= carry << 25
  carry = (h4 + half26) >> 26
  h5 += carry
  h4 -= carry << 26
  carry = (h8 + half26) >> 26
  h9 += carry
  h8 -= carry << 26
  carry = (h9 + half25) >> 25
  h0 += carry * 19
  h9 -= carry << 25
  carry = (h0 + half26) >> 26
  h1 += carry
  h0 -= carry << 26
  store<i64>(out, h0)
  store<i64>(out, h1, 8)
  store<i64>(out, h2, 16)
  store<i64>(out, h3, 24)
  store<i64>(out, h4, 32)
  store<i64>(out, h5, 40)
  store<i64>(out, h6, 48)
  store<i64>(out, h7, 56)
  store<i64>(out, h8, 64)
  store<i64>(out, h9, 72)
}

/** Multiplies by an integer of at most 20 bits. */
export function multiplySmall(out: usize, a: usize, factor: i64): void {
  carryAndStore(
    out,
    load<i64>(a) * factor,
    load<i64>(a, 8) * factor,
    load<i64>(a, 16) * factor,
    load<i64>(a, 24) * factor,
    load<i64>(a, 32) * factor,
    load<i64>(a, 40) * factor,
    load<i64>(a, 48) * factor,
    load<i64>(a, 56) * factor,
    load<i64>(a, 64) * factor,
    load<i64>(a, 72) * factor,
  )
}

/** Multiplies. A product of two odd limbs counts double, since 25.5 was rounded up twice; one past 2^255 counts 19 times (suffix n). */
export function multiply(out: usize, a: usize, b: usize): void {
  const a0 = load<i64>(a)
  const a1 = load<i64>(a, 8)
  const a2 = load<i64>(a, 16)
  const a3 = load<i64>(a, 24)
  const a4 = load<i64>(a, 32)
  const a5 = load<i64>(a, 40)
  const a6 = load<i64>(a, 48)
  const a7 = load<i64>(a, 56)
  const a8 = load<i64>(a, 64)
  const a9 = load<i64>(a, 72)
  const b0 = load<i64>(b)
  const b1 = load<i64>(b, 8)
  const b2 = load<i64>(b, 16)
  const b3 = load<i64>(b, 24)
  const b4 = load<i64>(b, 32)
  const b5 = load<i64>(b, 40)
  const b6 = load<i64>(b, 48)
  const b7 = load<i64>(b, 56)
  const b8 = load<i64>(b, 64)
  const b9 = load<i64>(b, 72)
  const a1d = 2 * a1
  const a3d = 2 * a3
  const a5d = 2 * a5
  const a7d = 2 * a7
  const a9d = 2 * a9
  const b1n = 19 * b1
  const b2n = 19 * b2
  const b3n = 19 * b3
  const b4n = 19 * b4
  const b5n = 19 * b5
  const b6n = 19 * b6
  const b7n = 19 * b7
  const b8n = 19 * b8
  const b9n = 19 * b9
  const h0 = a0 * b0 + a1d * b9n + a2 * b8n + a3d * b7n + a4 * b6n + a5d * b5n + a6 * b4n + a7d * b3n + a8 * b2n + a9d * b1n
  const h1 = a0 * b1 + a1 * b0 + a2 * b9n + a3 * b8n + a4 * b7n + a5 * b6n + a6 * b5n + a7 * b4n + a8 * b3n + a9 * b2n
  const h2 = a0 * b2 + a1d * b1 + a2 * b0 + a3d * b9n + a4 * b8n + a5d * b7n + a6 * b6n + a7d * b5n + a8 * b4n + a9d * b3n
  const h3 = a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0 + a4 * b9n + a5 * b8n + a6 * b7n + a7 * b6n + a8 * b5n + a9 * b4n
  const h4 = a0 * b4 + a1d * b3 + a2 * b2 + a3d * b1 + a4 * b0 + a5d * b9n + a6 * b8n + a7d * b7n + a8 * b6n + a9d * b5n
  const h5 = a0 * b5 + a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1 + a5 * b0 + a6 * b9n + a7 * b8n + a8 * b7n + a9 * b6n
  const h6 = a0 * b6 + a1d * b5 + a2 * b4 + a3d * b3 + a4 * b2 + a5d * b1 + a6 * b0 + a7d * b9n + a8 * b8n + a9d * b7n
  const h7 = a0 * b7 + a1 * b6 + a2 * b5 + a3 * b4 + a4 * b3 + a5 * b2 + a6 * b1 + a7 * b0 + a8 * b9n + a9 * b8n
  const h8 = a0 * b8 + a1d * b7 + a2 * b6 + a3d * b5 + a4 * b4 + a5d * b3 + a6 * b2 + a7d * b1 + a8 * b0 + a9d * b9n
  const h9 = a0 * b9 + a1 * b8 + a2 * b7 + a3 * b6 + a4 * b5 + a5 * b4 + a6 * b3 + a7 * b2 + a8 * b1 + a9 * b0
  carryAndStore(out, h0, h1, h2, h3, h4, h5, h6, h7, h8, h9)
}

/** Squares `count` times, which is at least 1. Suffixes d and q: twice and four times; n: 19 times. */
export function square(out: usize, a: usize, count: i32 = 1): void {
  for (; count > 0; count--) {
    squareOnce(out, a)
    a = out
  }
}

function squareOnce(out: usize, a: usize): void {
  const a0 = load<i64>(a)
  const a1 = load<i64>(a, 8)
  const a2 = load<i64>(a, 16)
  const a3 = load<i64>(a, 24)
  const a4 = load<i64>(a, 32)
  const a5 = load<i64>(a, 40)
  const a6 = load<i64>(a, 48)
  const a7 = load<i64>(a, 56)
  const a8 = load<i64>(a, 64)
  const a9 = load<i64>(a, 72)
  const a0d = 2 * a0
  const a1d = 2 * a1
  const a2d = 2 * a2
  const a3d = 2 * a3
  const a4d = 2 * a4
  const a5d = 2 * a5
  const a6d = 2 * a6
  const a7d = 2 * a7
  const a8d = 2 * a8
  const a9d = 2 * a9
  const a1q = 4 * a1
  const a3q = 4 * a3
  const a5q = 4 * a5
  const a7q = 4 * a7
  const a5n = 19 * a5
  const a6n = 19 * a6
  const a7n = 19 * a7
  const a8n = 19 * a8
  const a9n = 19 * a9
  const h0 = a0 * a0 + a1q * a9n + a2d * a8n + a3q * a7n + a4d * a6n + a5d * a5n
  const h1 = a0d * a1 + a2d * a9n + a3d * a8n + a4d * a7n + a5d * a6n
  const h2 = a0d * a2 + a1d * a1 + a3q * a9n + a4d * a8n + a5q * a7n + a6 * a6n
  const h3 = a0d * a3 + a1d * a2 + a4d * a9n + a5d * a8n + a6d * a7n
  const h4 = a0d * a4 + a1q * a3 + a2 * a2 + a5q * a9n + a6d * a8n + a7d * a7n
  const h5 = a0d * a5 + a1d * a4 + a2d * a3 + a6d * a9n + a7d * a8n
  const h6 = a0d * a6 + a1q * a5 + a2d * a4 + a3d * a3 + a7q * a9n + a8 * a8n
  const h7 = a0d * a7 + a1d * a6 + a2d * a5 + a3d * a4 + a8d * a9n
  const h8 = a0d * a8 + a1q * a7 + a2d * a6 + a3q * a5 + a4 * a4 + a9d * a9n
  const h9 = a0d * a9 + a1d * a8 + a2d * a7 + a3d * a6 + a4d * a5
  carryAndStore(out, h0, h1, h2, h3, h4, h5, h6, h7, h8, h9)
}

/** Raises `a` to (p - 5) / 8 = 2^252 - 3; `out` is neither `a` nor P0 to P2. The comments give the exponent so far. */
export function power(out: usize, a: usize): void {
  square(P0, a) // 2
  square(P1, P0, 2) // 8
  multiply(P1, P1, a) // 9
  multiply(P0, P0, P1) // 11
  square(P0, P0) // 22
  multiply(P0, P0, P1) // 31 = 2^5 - 1
  square(P1, P0, 5)
  multiply(P0, P1, P0) // 2^10 - 1
  square(P1, P0, 10)
  multiply(P1, P1, P0) // 2^20 - 1
  square(P2, P1, 20)
  multiply(P1, P2, P1) // 2^40 - 1
  square(P1, P1, 10)
  multiply(P0, P1, P0) // 2^50 - 1
  square(P1, P0, 50)
  multiply(P1, P1, P0) // 2^100 - 1
  square(P2, P1, 100)
  multiply(P1, P2, P1) // 2^200 - 1
  square(P1, P1, 50)
  multiply(P0, P1, P0) // 2^250 - 1
  square(P0, P0, 2)
  multiply(out, P0, a) // 2^252 - 3
}
