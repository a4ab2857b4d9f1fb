/**
 * The frame kernel: seals and opens obfs4's frames (wire facts: XSalsa20-Poly1305 boxes behind a masked length), a whole socket read per call.
 *
 * One instance serves every connection. The host copies a direction's state to STATE, bytes to INPUT, calls seal, sealPacket or open, copies
 * OUTPUT and STATE back, and wipes STATE; everything else that is secret is wiped here before a call returns.
 *
 * Salsa20 makes four blocks at a time, one per 32-bit lane. Its rounds leave the scalar units idle, so Poly1305 of the 256 bytes before runs
 * between them: scalar work that costs next to nothing there. No branch and no address depends on key, key stream or tag; lengths and packet
 * types do decide branches, as they decide what the peer and the application see.
 */

// ---- Memory. The host reads the exported ones.

/** The state of one direction, see the offsets below. */
export const STATE: usize = 64
export const STATE_LENGTH: usize = 96
/** What the last `open` did: five u32, see the offsets below. */
export const RESULT: usize = 160
/** Payload of the last PRNG_SEED packet that `open` met. */
export const SEED: usize = 192
export const INPUT: usize = 1024
export const OUTPUT: usize = 1024 + 69632
/** Wire bytes that INPUT or OUTPUT take at most: a read of 64 KiB behind a partial frame. */
export const CAPACITY: usize = 47 * 1448
export const MEMORY_PAGES: usize = 3

// Offsets in STATE.
const SUBKEY: usize = STATE // 32 bytes: HSalsa20(secretbox key, nonce prefix)
const COUNTER: usize = STATE + 32 // u64: the next frame's
const SIP: usize = STATE + 40 // 4 × u64: the running SipHash state v0..v3, never reset
const OFB: usize = STATE + 72 // u64: the last mask block
const SIP_LENGTH: usize = STATE + 80 // u32: bytes that SipHash has absorbed, mod 256
const PENDING: usize = STATE + 84 // u32: length of the frame that has begun and whose length bytes are gone; 0 when none
const SUBSTITUTE: usize = STATE + 88 // u32: the length to pretend for an invalid one

// Offsets in RESULT.
const CONSUMED: usize = RESULT
const PRODUCED: usize = RESULT + 4
const STATUS: usize = RESULT + 8
const SEED_LENGTH: usize = RESULT + 12
const STARTED: usize = RESULT + 16

const STATUS_OK: u32 = 0
const STATUS_TAG_MISMATCH: u32 = 1
const STATUS_PACKET_INVALID: u32 = 2
const STATUS_COUNTER_EXHAUSTED: u32 = 3

// Scratch, wiped before every return.
const SCRATCH: usize = 256
const MATRIX: usize = SCRATCH // 16 × u32: Salsa20's input
const BOX_KEY: usize = SCRATCH + 64 // 32 bytes: the frame's Poly1305 key, r ‖ s
const ZERO: usize = SCRATCH + 96 // 32 bytes that stay zero
const TAG: usize = SCRATCH + 128 // 16 bytes
const R: usize = SCRATCH + 144 // r in five limbs, then 5 × limbs 1..4: 9 × u64
const RR: usize = SCRATCH + 216 // r² likewise
const H: usize = SCRATCH + 288 // the accumulator in five limbs
const SIP_FINAL: usize = SCRATCH + 328 // 4 × u64: the SipHash state that is finished
const HEADER: usize = SCRATCH + 360 // 3 bytes of the packet that was opened
const SCRATCH_LENGTH: usize = 364

// ---- Framing constants, §1 and §5 of the wire facts.

const LENGTH_LENGTH: i32 = 2
const TAG_LENGTH: i32 = 16
const HEADER_LENGTH: i32 = 3
const MAX_PAYLOAD: i32 = 1427
const MIN_FRAME: i32 = TAG_LENGTH
const MAX_FRAME: i32 = TAG_LENGTH + HEADER_LENGTH + MAX_PAYLOAD
const TYPE_PAYLOAD: u32 = 0
const TYPE_SEED: u32 = 1
const SEED_PAYLOAD: i32 = 24

// ---- Salsa20

@inline function rotate(x: v128, n: i32): v128 {
  return v128.or(i32x4.shl(x, n), i32x4.shr_u(x, 32 - n))
}

/** Salsa20's step: x ^ ((a + b) <<< n), in four blocks. */
@inline function mix(x: v128, a: v128, b: v128, n: i32): v128 {
  return v128.xor(x, rotate(i32x4.add(a, b), n))
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

/**
 * XORs four blocks of key stream onto 256 bytes, and meanwhile absorbs the `pairs` pairs of MAC blocks at `mac`.
 * The first 32 bytes go from `from0` to `to0`: of a frame's first group they are the Poly1305 key.
 */
function cryptGroup(from0: usize, to0: usize, from: usize, to: usize, mac: usize, macEnd: usize): void {
  let x0 = word(0), x1 = word(1), x2 = word(2), x3 = word(3)
  let x4 = word(4), x5 = word(5), x6 = word(6), x7 = word(7)
  let x8 = blockNumbers(), x9 = word(9), x10 = word(10), x11 = word(11)
  let x12 = word(12), x13 = word(13), x14 = word(14), x15 = word(15)
  for (let i = 0; i < 10; i++) {
    // Columns
    x4 = mix(x4, x0, x12, 7); x9 = mix(x9, x5, x1, 7); x14 = mix(x14, x10, x6, 7); x3 = mix(x3, x15, x11, 7)
    x8 = mix(x8, x4, x0, 9); x13 = mix(x13, x9, x5, 9); x2 = mix(x2, x14, x10, 9); x7 = mix(x7, x3, x15, 9)
    x12 = mix(x12, x8, x4, 13); x1 = mix(x1, x13, x9, 13); x6 = mix(x6, x2, x14, 13); x11 = mix(x11, x7, x3, 13)
    x0 = mix(x0, x12, x8, 18); x5 = mix(x5, x1, x13, 18); x10 = mix(x10, x6, x2, 18); x15 = mix(x15, x11, x7, 18)
    // Rows
    x1 = mix(x1, x0, x3, 7); x6 = mix(x6, x5, x4, 7); x11 = mix(x11, x10, x9, 7); x12 = mix(x12, x15, x14, 7)
    x2 = mix(x2, x1, x0, 9); x7 = mix(x7, x6, x5, 9); x8 = mix(x8, x11, x10, 9); x13 = mix(x13, x12, x15, 9)
    x3 = mix(x3, x2, x1, 13); x4 = mix(x4, x7, x6, 13); x9 = mix(x9, x8, x11, 13); x14 = mix(x14, x13, x12, 13)
    x0 = mix(x0, x3, x2, 18); x5 = mix(x5, x4, x7, 18); x10 = mix(x10, x9, x8, 18); x15 = mix(x15, x14, x13, 18)
    if (mac < macEnd) {
      absorbPair(mac)
      mac += 32
    }
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

/** Fills in what is the same for all frames of a call: the constants "expand 32-byte k" on the diagonal, and the subkey. */
function startMatrix(): void {
  store<u32>(MATRIX, 0x61707865, 0)
  v128.store(MATRIX, v128.load(SUBKEY), 4)
  store<u32>(MATRIX, 0x3320646e, 20)
  store<u32>(MATRIX, 0x79622d32, 40)
  v128.store(MATRIX, v128.load(SUBKEY, 16), 44)
  store<u32>(MATRIX, 0x6b206574, 60)
}

/** Sets the frame's nonce: the counter in big-endian order (§5). */
@inline function startNonce(counter: u64): void {
  store<u64>(MATRIX, bswap<u64>(counter), 24)
  store<u64>(MATRIX, 0, 32)
}

// ---- Poly1305 on five 26-bit limbs in u64

const LIMB: u64 = 0x3ffffff

@inline function limb0(lo: u64): u64 {
  return lo & LIMB
}
@inline function limb1(lo: u64): u64 {
  return (lo >> 26) & LIMB
}
@inline function limb2(lo: u64, hi: u64): u64 {
  return ((lo >> 52) | (hi << 12)) & LIMB
}
@inline function limb3(hi: u64): u64 {
  return (hi >> 14) & LIMB
}
@inline function limb4(hi: u64): u64 {
  return hi >> 40
}

/** A multiplier's limb; 5..8 are five times the limbs 1..4, for what wraps around 2^130 - 5. */
@inline function factor(factors: usize, i: usize): u64 {
  return load<u64>(factors + i * 8)
}

@inline function storeFactors(at: usize, l0: u64, l1: u64, l2: u64, l3: u64, l4: u64): void {
  store<u64>(at, l0, 0)
  store<u64>(at, l1, 8)
  store<u64>(at, l2, 16)
  store<u64>(at, l3, 24)
  store<u64>(at, l4, 32)
  store<u64>(at, l1 * 5, 40)
  store<u64>(at, l2 * 5, 48)
  store<u64>(at, l3 * 5, 56)
  store<u64>(at, l4 * 5, 64)
}

// The five columns of the product of x0..x4 and a multiplier, mod 2^130 - 5.
@inline function column0(x0: u64, x1: u64, x2: u64, x3: u64, x4: u64, f: usize): u64 {
  return x0 * factor(f, 0) + x1 * factor(f, 8) + x2 * factor(f, 7) + x3 * factor(f, 6) + x4 * factor(f, 5)
}
@inline function column1(x0: u64, x1: u64, x2: u64, x3: u64, x4: u64, f: usize): u64 {
  return x0 * factor(f, 1) + x1 * factor(f, 0) + x2 * factor(f, 8) + x3 * factor(f, 7) + x4 * factor(f, 6)
}
@inline function column2(x0: u64, x1: u64, x2: u64, x3: u64, x4: u64, f: usize): u64 {
  return x0 * factor(f, 2) + x1 * factor(f, 1) + x2 * factor(f, 0) + x3 * factor(f, 8) + x4 * factor(f, 7)
}
@inline function column3(x0: u64, x1: u64, x2: u64, x3: u64, x4: u64, f: usize): u64 {
  return x0 * factor(f, 3) + x1 * factor(f, 2) + x2 * factor(f, 1) + x3 * factor(f, 0) + x4 * factor(f, 8)
}
@inline function column4(x0: u64, x1: u64, x2: u64, x3: u64, x4: u64, f: usize): u64 {
  return x0 * factor(f, 4) + x1 * factor(f, 3) + x2 * factor(f, 2) + x3 * factor(f, 1) + x4 * factor(f, 0)
}

/** Carries the columns into limbs of 26 bits (the second may be a few larger) and stores them as factors' first five or as H. */
@inline function carryTo(at: usize, d0: u64, d1: u64, d2: u64, d3: u64, d4: u64): void {
  d1 += d0 >> 26
  d2 += d1 >> 26
  d3 += d2 >> 26
  d4 += d3 >> 26
  const l0 = (d0 & LIMB) + (d4 >> 26) * 5
  store<u64>(at, l0 & LIMB, 0)
  store<u64>(at, (d1 & LIMB) + (l0 >> 26), 8)
  store<u64>(at, d2 & LIMB, 16)
  store<u64>(at, d3 & LIMB, 24)
  store<u64>(at, d4 & LIMB, 32)
}

/** Starts a MAC with the key at BOX_KEY: clamps r, squares it, empties the accumulator. */
function startMac(): void {
  const lo = load<u64>(BOX_KEY) & 0x0ffffffc0fffffff
  const hi = load<u64>(BOX_KEY, 8) & 0x0ffffffc0ffffffc
  const r0 = limb0(lo), r1 = limb1(lo), r2 = limb2(lo, hi), r3 = limb3(hi), r4 = limb4(hi)
  storeFactors(R, r0, r1, r2, r3, r4)
  carryTo(
    H,
    column0(r0, r1, r2, r3, r4, R),
    column1(r0, r1, r2, r3, r4, R),
    column2(r0, r1, r2, r3, r4, R),
    column3(r0, r1, r2, r3, r4, R),
    column4(r0, r1, r2, r3, r4, R),
  )
  storeFactors(RR, load<u64>(H, 0), load<u64>(H, 8), load<u64>(H, 16), load<u64>(H, 24), load<u64>(H, 32))
  v128.store(H, i64x2.splat(0), 0)
  v128.store(H, i64x2.splat(0), 16)
  store<u64>(H, 0, 32)
}

/** Absorbs two whole blocks: (h + first)·r² + second·r, one carry for both. */
@inline function absorbPair(at: usize): void {
  const a = load<u64>(at), b = load<u64>(at, 8), c = load<u64>(at, 16), d = load<u64>(at, 24)
  const x0 = load<u64>(H, 0) + limb0(a)
  const x1 = load<u64>(H, 8) + limb1(a)
  const x2 = load<u64>(H, 16) + limb2(a, b)
  const x3 = load<u64>(H, 24) + limb3(b)
  const x4 = load<u64>(H, 32) + (limb4(b) | (1 << 24))
  const y0 = limb0(c), y1 = limb1(c), y2 = limb2(c, d), y3 = limb3(d), y4 = limb4(d) | (1 << 24)
  carryTo(
    H,
    column0(x0, x1, x2, x3, x4, RR) + column0(y0, y1, y2, y3, y4, R),
    column1(x0, x1, x2, x3, x4, RR) + column1(y0, y1, y2, y3, y4, R),
    column2(x0, x1, x2, x3, x4, RR) + column2(y0, y1, y2, y3, y4, R),
    column3(x0, x1, x2, x3, x4, RR) + column3(y0, y1, y2, y3, y4, R),
    column4(x0, x1, x2, x3, x4, RR) + column4(y0, y1, y2, y3, y4, R),
  )
}

/** Absorbs one block given as two words; `top` is the bit above it, 2^128 of a whole block and 0 of one that carries its own end mark. */
function absorbBlock(lo: u64, hi: u64, top: u64): void {
  const x0 = load<u64>(H, 0) + limb0(lo)
  const x1 = load<u64>(H, 8) + limb1(lo)
  const x2 = load<u64>(H, 16) + limb2(lo, hi)
  const x3 = load<u64>(H, 24) + limb3(hi)
  const x4 = load<u64>(H, 32) + (limb4(hi) | top)
  carryTo(
    H,
    column0(x0, x1, x2, x3, x4, R),
    column1(x0, x1, x2, x3, x4, R),
    column2(x0, x1, x2, x3, x4, R),
    column3(x0, x1, x2, x3, x4, R),
    column4(x0, x1, x2, x3, x4, R),
  )
}

/** Absorbs the last bytes of a message, from `at` to `end`, and stores the tag. */
function finishMac(at: usize, end: usize, tag: usize): void {
  for (; at + 32 <= end; at += 32) absorbPair(at)
  if (at + 16 <= end) {
    absorbBlock(load<u64>(at), load<u64>(at, 8), 1 << 24)
    at += 16
  }
  const left = (end - at) as u64
  if (left > 0) {
    // The end mark is a 1 after the last byte; what lies behind it in memory does not count.
    const mark = (1 as u64) << ((left & 7) * 8)
    const partial = left < 8 ? load<u64>(at) : load<u64>(at, 8)
    const marked = (partial & (mark - 1)) | mark
    if (left < 8) absorbBlock(marked, 0, 0)
    else absorbBlock(load<u64>(at), marked, 0)
  }
  storeTag(tag)
}

/** Reduces the accumulator mod 2^130 - 5, adds the key's second half mod 2^128 and stores the tag. */
function storeTag(tag: usize): void {
  let h0 = load<u64>(H, 0), h1 = load<u64>(H, 8), h2 = load<u64>(H, 16), h3 = load<u64>(H, 24), h4 = load<u64>(H, 32)
  // Two passes: the first may leave limb 0 above 26 bits again.
  for (let i = 0; i < 2; i++) {
    h1 += h0 >> 26; h0 &= LIMB
    h2 += h1 >> 26; h1 &= LIMB
    h3 += h2 >> 26; h2 &= LIMB
    h4 += h3 >> 26; h3 &= LIMB
    h0 += (h4 >> 26) * 5; h4 &= LIMB
  }
  h1 += h0 >> 26; h0 &= LIMB
  // g = h - p = h + 5 - 2^130; taken when that is not negative.
  let g0 = h0 + 5
  let g1 = h1 + (g0 >> 26); g0 &= LIMB
  let g2 = h2 + (g1 >> 26); g1 &= LIMB
  let g3 = h3 + (g2 >> 26); g2 &= LIMB
  const g4 = h4 + (g3 >> 26) - (1 << 26); g3 &= LIMB
  const take = (g4 >> 63) - 1
  h0 ^= (h0 ^ g0) & take
  h1 ^= (h1 ^ g1) & take
  h2 ^= (h2 ^ g2) & take
  h3 ^= (h3 ^ g3) & take
  h4 ^= (h4 ^ g4) & take
  const lo = h0 | (h1 << 26) | (h2 << 52)
  const hi = (h2 >> 12) | (h3 << 14) | (h4 << 40)
  const tagLo = lo + load<u64>(BOX_KEY, 16)
  store<u64>(tag, tagLo, 0)
  store<u64>(tag, hi + load<u64>(BOX_KEY, 24) + u64(tagLo < lo), 8)
}

// ---- A frame's box

/**
 * XORs the key stream of frame `counter` onto `length` bytes and stores the Poly1305 tag of the ciphertext, which is at `cipher`: `to` when sealing,
 * `from` when opening. Reads and writes whole groups of 256 bytes: up to 255 bytes behind `to` are spoilt.
 */
function cryptFrame(counter: u64, from: usize, to: usize, cipher: usize, length: i32, tag: usize): void {
  startNonce(counter)
  // The key stream's first 32 bytes are the MAC's key, so the message's first byte is the stream's 33rd.
  cryptGroup(ZERO, BOX_KEY, from - 32, to - 32, cipher, cipher)
  startMac()
  let mac = cipher
  for (let at: usize = 224; at < (length as usize); at += 256) {
    store<u32>(MATRIX, load<u32>(MATRIX, 32) + 4, 32)
    cryptGroup(from + at, to + at, from + at, to + at, mac, cipher + at)
    mac = cipher + at
  }
  finishMac(mac, cipher + length, tag)
}

// ---- Length masks (§5.1): SipHash-2-4 that is fed its own output and never reset

/** Runs SipRounds on the state of four words at `at`. */
function sipRounds(at: usize, count: i32): void {
  let v0 = load<u64>(at, 0), v1 = load<u64>(at, 8), v2 = load<u64>(at, 16), v3 = load<u64>(at, 24)
  for (let i = 0; i < count; i++) {
    v0 += v1; v1 = rotl<u64>(v1, 13) ^ v0; v0 = rotl<u64>(v0, 32)
    v2 += v3; v3 = rotl<u64>(v3, 16) ^ v2
    v0 += v3; v3 = rotl<u64>(v3, 21) ^ v0
    v2 += v1; v1 = rotl<u64>(v1, 17) ^ v2; v2 = rotl<u64>(v2, 32)
  }
  store<u64>(at, v0, 0)
  store<u64>(at, v1, 8)
  store<u64>(at, v2, 16)
  store<u64>(at, v3, 24)
}

/** Compresses one word into the state at `at`. */
function sipCompress(at: usize, message: u64): void {
  store<u64>(at, load<u64>(at, 24) ^ message, 24)
  sipRounds(at, 2)
  store<u64>(at, load<u64>(at) ^ message)
}

/** Makes the next mask block and returns its first two bytes as a big-endian number. */
function nextMask(): u32 {
  sipCompress(SIP, load<u64>(OFB))
  const absorbed = (load<u32>(SIP_LENGTH) + 8) & 0xff
  store<u32>(SIP_LENGTH, absorbed)
  // Only a copy is finished: the running state goes on.
  v128.store(SIP_FINAL, v128.load(SIP), 0)
  v128.store(SIP_FINAL, v128.load(SIP, 16), 16)
  sipCompress(SIP_FINAL, (absorbed as u64) << 56)
  store<u64>(SIP_FINAL, load<u64>(SIP_FINAL, 16) ^ 0xff, 16)
  sipRounds(SIP_FINAL, 4)
  const block = load<u64>(SIP_FINAL, 0) ^ load<u64>(SIP_FINAL, 8) ^ load<u64>(SIP_FINAL, 16) ^ load<u64>(SIP_FINAL, 24)
  store<u64>(OFB, block)
  return bswap<u16>(block as u16) as u32
}

// ---- What the host calls

/**
 * Makes a direction's first state of the 56 bytes that the host has put at STATE: subkey (32) ‖ SipHash key (16) ‖ SipHash IV (8),
 * and of the length to pretend for an invalid one. The first frame's counter is 1 (§5).
 */
export function initialize(substitute: u32): void {
  const k0 = load<u64>(STATE, 32), k1 = load<u64>(STATE, 40), iv = load<u64>(STATE, 48)
  store<u64>(COUNTER, 1)
  store<u64>(SIP, k0 ^ 0x736f6d6570736575, 0)
  store<u64>(SIP, k1 ^ 0x646f72616e646f6d, 8)
  store<u64>(SIP, k0 ^ 0x6c7967656e657261, 16)
  store<u64>(SIP, k1 ^ 0x7465646279746573, 24)
  store<u64>(OFB, iv)
  store<u32>(SIP_LENGTH, 0)
  store<u32>(PENDING, 0)
  store<u32>(SUBSTITUTE, substitute)
}

/**
 * Seals the `length` payload bytes at INPUT into frames at OUTPUT + `at`, none but the last with less than 1,427 of them, and wipes INPUT.
 * Returns the offset in OUTPUT behind them, or -1 when the counter would wrap (§5).
 */
export function seal(length: i32, at: i32): i32 {
  startMatrix()
  let from = INPUT
  let to = OUTPUT + at
  let left = length
  while (left > 0) {
    const payload = min(left, MAX_PAYLOAD)
    if (!sealFrame(TYPE_PAYLOAD, payload, HEADER_LENGTH + payload, from, to)) {
      at = -1
      break
    }
    from += payload
    left -= payload
    to += LENGTH_LENGTH + TAG_LENGTH + HEADER_LENGTH + payload
  }
  memory.fill(INPUT - HEADER_LENGTH, 0, HEADER_LENGTH + length)
  wipe()
  return at < 0 ? at : ((to - OUTPUT) as i32)
}

/** Seals one packet of the `payload` bytes at INPUT and `padding` zeros, as `seal` does. */
export function sealPacket(type: u32, payload: i32, padding: i32, at: i32): i32 {
  const length = HEADER_LENGTH + payload + padding
  startMatrix()
  memory.fill(INPUT + payload, 0, padding)
  const sealed = sealFrame(type, payload, length, INPUT, OUTPUT + at)
  memory.fill(INPUT - HEADER_LENGTH, 0, HEADER_LENGTH + payload)
  wipe()
  return sealed ? at + LENGTH_LENGTH + TAG_LENGTH + length : -1
}

/** Seals the packet whose payload and padding are at `from`; its header overwrites the three bytes before, which are used up already. */
function sealFrame(type: u32, payload: i32, length: i32, from: usize, to: usize): bool {
  const counter = load<u64>(COUNTER)
  if (counter === 0) return false
  store<u64>(COUNTER, counter + 1)
  const packet = from - HEADER_LENGTH
  store<u8>(packet, type)
  store<u16>(packet, bswap<u16>(payload as u16), 1)
  const tag = to + LENGTH_LENGTH
  const cipher = tag + TAG_LENGTH
  cryptFrame(counter, packet, cipher, cipher, length, tag)
  store<u16>(to, bswap<u16>(((TAG_LENGTH + length) ^ nextMask()) as u16))
  return true
}

/**
 * Opens all whole frames among the `length` bytes at INPUT and puts their payloads at OUTPUT. RESULT then has the bytes consumed and produced, the
 * status, 24 when SEED has a PRNG_SEED payload, and the length of the frame that has begun (0: none). Length bytes are consumed as soon as both are there; a frame only whole.
 */
export function open(length: i32): void {
  startMatrix()
  store<u32>(SEED_LENGTH, 0)
  let from = INPUT
  let to = OUTPUT
  let status = STATUS_OK
  const end = INPUT + length
  for (;;) {
    let frame = load<u32>(PENDING)
    if (frame === 0) {
      if ((end - from) < (LENGTH_LENGTH as usize)) break
      frame = unmaskLength(from)
      store<u32>(PENDING, frame)
      from += LENGTH_LENGTH
    }
    if (end - from < frame) break
    status = openFrame(from, to, frame as i32)
    if (status !== STATUS_OK) break
    to += deliver(to)
    from += frame
    store<u32>(PENDING, 0)
  }
  store<u32>(CONSUMED, (from - INPUT) as u32)
  store<u32>(PRODUCED, (to - OUTPUT) as u32)
  store<u32>(STATUS, status)
  store<u32>(STARTED, load<u32>(PENDING))
  wipe()
}

/** Reads a frame's length. An invalid one becomes another that the tag check will refuse, so that nobody sees which was wrong (§5.2). */
@inline function unmaskLength(at: usize): u32 {
  const length = (bswap<u16>(load<u16>(at)) as u32) ^ nextMask()
  return length < (MIN_FRAME as u32) || length > (MAX_FRAME as u32) ? load<u32>(SUBSTITUTE) : length
}

/** Opens the frame at `from` so that its packet's payload is at `to`, keeping what is before `to`, and checks it. */
@inline function openFrame(from: usize, to: usize, frame: i32): u32 {
  const counter = load<u64>(COUNTER)
  if (counter === 0) return STATUS_COUNTER_EXHAUSTED
  store<u64>(COUNTER, counter + 1)
  const length = frame - TAG_LENGTH
  const cipher = from + TAG_LENGTH
  // The packet's header lands on the last bytes of the payload before.
  const before = load<u32>(to - 4)
  cryptFrame(counter, cipher, to - HEADER_LENGTH, cipher, length, TAG)
  store<u32>(HEADER, load<u32>(to - 4) >> 8)
  store<u32>(to - 4, before)
  if ((load<u64>(TAG) ^ load<u64>(from)) | (load<u64>(TAG, 8) ^ load<u64>(from, 8))) return STATUS_TAG_MISMATCH
  if (length < HEADER_LENGTH || HEADER_LENGTH + headerPayload() > length) return STATUS_PACKET_INVALID
  return STATUS_OK
}

@inline function headerPayload(): i32 {
  return bswap<u16>(load<u16>(HEADER, 1)) as i32
}

/** Sorts the open packet at `to` by its type and returns how many bytes of it the application gets (§6). */
@inline function deliver(to: usize): usize {
  const type = load<u8>(HEADER) as u32
  const payload = headerPayload()
  if (type === TYPE_PAYLOAD) return payload
  if (type === TYPE_SEED && payload === SEED_PAYLOAD) {
    v128.store(SEED, v128.load(to))
    store<u64>(SEED, load<u64>(to, 16), 16)
    store<u32>(SEED_LENGTH, SEED_PAYLOAD)
  }
  return 0
}

/** Computes the Poly1305 tag of `length` bytes at INPUT under the key (32 bytes) at STATE, into OUTPUT: for tests with chosen keys. */
export function authenticate(length: i32): void {
  v128.store(BOX_KEY, v128.load(STATE), 0)
  v128.store(BOX_KEY, v128.load(STATE, 16), 16)
  startMac()
  finishMac(INPUT, INPUT + length, OUTPUT)
  wipe()
}

/** Overwrites keys, key stream, MAC and SipHash state. */
function wipe(): void {
  memory.fill(SCRATCH, 0, SCRATCH_LENGTH)
}
