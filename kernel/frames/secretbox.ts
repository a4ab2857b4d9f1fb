import { absorbPair, endMac, macLimit, macPosition, startMac, takePairs } from './poly1305'
import { BOX_KEY, MATRIX, SUBKEY, ZERO } from './memory'

/**
 * XSalsa20-Poly1305 of a frame, given the subkey: four blocks of key stream at a time, one per 32-bit lane. Its rounds wait for each other more than for
 * the vector units and leave the scalar ones idle, so the Poly1305 of the bytes before runs between them.
 */

/** Salsa20's step: x ^ ((a + b) <<< n), in four blocks. */
@inline function mix(x: v128, a: v128, b: v128, n: i32): v128 {
  const sum = i32x4.add(a, b)
  return v128.xor(v128.xor(x, i32x4.shl(sum, n)), i32x4.shr_u(sum, 32 - n))
}

/** A word of the input matrix, the same in four blocks. Loaded again where it is needed: the sixteen registers are full. */
@inline function word(i: usize): v128 {
  return v128.load32_splat(MATRIX + i * 4)
}

/** The low half of the block counter, where the four blocks differ. */
@inline function blockNumbers(): v128 {
  return i32x4.add(word(8), i32x4(0, 1, 2, 3))
}

/** XORs sixteen bytes. */
@inline function xorTo(to: usize, from: usize, stream: v128): void {
  v128.store(to, v128.xor(v128.load(from), stream))
}

/** Turns a row of four words × four blocks into sixteen bytes of each block, XORed onto `from`; the first block's go from `from0` to `to0`. */
@inline function emitRow(a: v128, b: v128, c: v128, d: v128, from0: usize, to0: usize, from: usize, to: usize): void {
  const ab01 = v128.shuffle<i32>(a, b, 0, 4, 1, 5)
  const cd01 = v128.shuffle<i32>(c, d, 0, 4, 1, 5)
  const ab23 = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
  const cd23 = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
  xorTo(to0, from0, v128.shuffle<i64>(ab01, cd01, 0, 2))
  xorTo(to + 64, from + 64, v128.shuffle<i64>(ab01, cd01, 1, 3))
  xorTo(to + 128, from + 128, v128.shuffle<i64>(ab23, cd23, 0, 2))
  xorTo(to + 192, from + 192, v128.shuffle<i64>(ab23, cd23, 1, 3))
}

/** Fills in what is the same for all frames of a call: the constants "expand 32-byte k" on the diagonal, and the subkey. */
export function startMatrix(): void {
  store<u32>(MATRIX, 0x61707865, 0)
  v128.store(MATRIX, v128.load(SUBKEY), 4)
  store<u32>(MATRIX, 0x3320646e, 20)
  store<u32>(MATRIX, 0x79622d32, 40)
  v128.store(MATRIX, v128.load(SUBKEY, 16), 44)
  store<u32>(MATRIX, 0x6b206574, 60)
}

/** Starts a frame's key stream: the nonce's changing half is the counter in big-endian order. */
@inline function startNonce(counter: u64): void {
  store<u64>(MATRIX, bswap<u64>(counter), 24)
  store<u64>(MATRIX, 0, 32)
}

/**
 * XORs four blocks of key stream onto 256 bytes; the first 32 go from `from0` to `to0`, since of a frame's first group they are the Poly1305 key.
 * Meanwhile absorbs what it can of the MAC's ciphertext up to `available`.
 */
function cryptGroup(from0: usize, to0: usize, from: usize, to: usize, available: usize): void {
  let at = macPosition()
  const absorbEnd = takePairs(available, 10)
  let x0 = word(0), x1 = word(1), x2 = word(2), x3 = word(3)
  let x4 = word(4), x5 = word(5), x6 = word(6), x7 = word(7)
  let x8 = blockNumbers(), x9 = word(9), x10 = word(10), x11 = word(11)
  let x12 = word(12), x13 = word(13), x14 = word(14), x15 = word(15)
  // Ten double rounds, a quarter-round per line: first those with MAC work between the halves. A branch in one loop would keep the two kinds of work
  // apart. AssemblyScript has no way to name a quarter-round, since a function returns one value.
  let i = 0
  for (; at < absorbEnd; i++) {
    // Columns
    x4 = mix(x4, x0, x12, 7); x8 = mix(x8, x4, x0, 9); x12 = mix(x12, x8, x4, 13); x0 = mix(x0, x12, x8, 18)
    x9 = mix(x9, x5, x1, 7); x13 = mix(x13, x9, x5, 9); x1 = mix(x1, x13, x9, 13); x5 = mix(x5, x1, x13, 18)
    x14 = mix(x14, x10, x6, 7); x2 = mix(x2, x14, x10, 9); x6 = mix(x6, x2, x14, 13); x10 = mix(x10, x6, x2, 18)
    x3 = mix(x3, x15, x11, 7); x7 = mix(x7, x3, x15, 9); x11 = mix(x11, x7, x3, 13); x15 = mix(x15, x11, x7, 18)
    absorbPair(at)
    at += 32
    // Rows
    x1 = mix(x1, x0, x3, 7); x2 = mix(x2, x1, x0, 9); x3 = mix(x3, x2, x1, 13); x0 = mix(x0, x3, x2, 18)
    x6 = mix(x6, x5, x4, 7); x7 = mix(x7, x6, x5, 9); x4 = mix(x4, x7, x6, 13); x5 = mix(x5, x4, x7, 18)
    x11 = mix(x11, x10, x9, 7); x8 = mix(x8, x11, x10, 9); x9 = mix(x9, x8, x11, 13); x10 = mix(x10, x9, x8, 18)
    x12 = mix(x12, x15, x14, 7); x13 = mix(x13, x12, x15, 9); x14 = mix(x14, x13, x12, 13); x15 = mix(x15, x14, x13, 18)
  }
  for (; i < 10; i++) {
    // Columns
    x4 = mix(x4, x0, x12, 7); x8 = mix(x8, x4, x0, 9); x12 = mix(x12, x8, x4, 13); x0 = mix(x0, x12, x8, 18)
    x9 = mix(x9, x5, x1, 7); x13 = mix(x13, x9, x5, 9); x1 = mix(x1, x13, x9, 13); x5 = mix(x5, x1, x13, 18)
    x14 = mix(x14, x10, x6, 7); x2 = mix(x2, x14, x10, 9); x6 = mix(x6, x2, x14, 13); x10 = mix(x10, x6, x2, 18)
    x3 = mix(x3, x15, x11, 7); x7 = mix(x7, x3, x15, 9); x11 = mix(x11, x7, x3, 13); x15 = mix(x15, x11, x7, 18)
    // Rows
    x1 = mix(x1, x0, x3, 7); x2 = mix(x2, x1, x0, 9); x3 = mix(x3, x2, x1, 13); x0 = mix(x0, x3, x2, 18)
    x6 = mix(x6, x5, x4, 7); x7 = mix(x7, x6, x5, 9); x4 = mix(x4, x7, x6, 13); x5 = mix(x5, x4, x7, 18)
    x11 = mix(x11, x10, x9, 7); x8 = mix(x8, x11, x10, 9); x9 = mix(x9, x8, x11, 13); x10 = mix(x10, x9, x8, 18)
    x12 = mix(x12, x15, x14, 7); x13 = mix(x13, x12, x15, 9); x14 = mix(x14, x13, x12, 13); x15 = mix(x15, x14, x13, 18)
  }
  x0 = i32x4.add(x0, word(0)); x1 = i32x4.add(x1, word(1)); x2 = i32x4.add(x2, word(2)); x3 = i32x4.add(x3, word(3))
  emitRow(x0, x1, x2, x3, from0, to0, from, to)
  x4 = i32x4.add(x4, word(4)); x5 = i32x4.add(x5, word(5)); x6 = i32x4.add(x6, word(6)); x7 = i32x4.add(x7, word(7))
  emitRow(x4, x5, x6, x7, from0 + 16, to0 + 16, from + 16, to + 16)
  x8 = i32x4.add(x8, blockNumbers()); x9 = i32x4.add(x9, word(9)); x10 = i32x4.add(x10, word(10)); x11 = i32x4.add(x11, word(11))
  emitRow(x8, x9, x10, x11, from + 32, to + 32, from + 32, to + 32)
  x12 = i32x4.add(x12, word(12)); x13 = i32x4.add(x13, word(13)); x14 = i32x4.add(x14, word(14)); x15 = i32x4.add(x15, word(15))
  emitRow(x12, x13, x14, x15, from + 48, to + 48, from + 48, to + 48)
}

/**
 * XORs the key stream of frame `counter` onto `length` bytes and starts the MAC of the ciphertext, whose tag `endMac` or the next call stores. `cipher`
 * is where the ciphertext is or comes: `from` when opening, `to` when sealing. Works in groups of 256 bytes: up to 255 bytes behind `to` are spoilt.
 */
export function cryptFrame(counter: u64, from: usize, to: usize, cipher: usize, length: i32, tag: usize): void {
  startNonce(counter)
  // The key stream's first 32 bytes are the MAC's key, so the message's first byte is the stream's 33rd.
  cryptGroup(ZERO, BOX_KEY, from - 32, to - 32, macLimit())
  endMac()
  startMac(cipher, length, tag)
  const opening = cipher === from
  for (let at: usize = 224; at < (length as usize); at += 256) {
    store<u32>(MATRIX, load<u32>(MATRIX, 32) + 4, 32)
    cryptGroup(from + at, to + at, from + at, to + at, opening ? macLimit() : cipher + at)
  }
}
