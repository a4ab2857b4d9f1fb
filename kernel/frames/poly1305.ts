import { BOX_KEY, H, PAD, R, WRAP } from './memory'

/** Poly1305 on 32-bit limbs in u64. Clamping has left r 28 bits a limb, so that five products fit; of 2^128 and above the accumulator has few bits. */

// The MAC under way. A sealed frame's last bytes are absorbed during the next frame's first group of key stream.
let macAt: usize = 0
let macEnd: usize = 0
let macTag: usize = 0

const LIMB: u64 = 0xffffffff

/** Starts the MAC of what will be at `cipher`, with the key at BOX_KEY. */
export function startMac(cipher: usize, length: i32, tag: usize): void {
  macAt = cipher
  macEnd = cipher + length
  macTag = tag
  const lo = load<u64>(BOX_KEY) & 0x0ffffffc0fffffff
  const hi = load<u64>(BOX_KEY, 8) & 0x0ffffffc0ffffffc
  setMultiplier(0, lo & LIMB)
  setMultiplier(1, lo >> 32)
  setMultiplier(2, hi & LIMB)
  setMultiplier(3, hi >> 32)
  v128.store(PAD, v128.load(BOX_KEY, 16))
  memory.fill(H, 0, 40)
}

/** What passes 2^128 wraps around 2^130 - 5: it returns as 5/4, and clamping has made limbs 1 to 3 multiples of 4. Limb 0's rest goes to the top. */
@inline function setMultiplier(i: usize, limb: u64): void {
  store<u64>(R + i * 8, limb)
  store<u64>(WRAP + i * 8, (limb >> 2) * 5)
}

/** Absorbs one block given as two words: (h + block)·r. `top` is the bit above the block, 0 for one that carries its own end mark. */
@inline function absorbBlock(lo: u64, hi: u64, top: u64): void {
  const r0 = load<u64>(R), r1 = load<u64>(R, 8), r2 = load<u64>(R, 16), r3 = load<u64>(R, 24)
  const w0 = load<u64>(WRAP), w1 = load<u64>(WRAP, 8), w2 = load<u64>(WRAP, 16), w3 = load<u64>(WRAP, 24)
  const x0 = load<u64>(H) + (lo & LIMB)
  const x1 = load<u64>(H, 8) + (lo >> 32)
  const x2 = load<u64>(H, 16) + (hi & LIMB)
  const x3 = load<u64>(H, 24) + (hi >> 32)
  const x4 = load<u64>(H, 32) + top
  const d0 = x0 * r0 + x1 * w3 + x2 * w2 + x3 * w1 + x4 * w0
  const d1 = x0 * r1 + x1 * r0 + x2 * w3 + x3 * w2 + x4 * w1
  const d2 = x0 * r2 + x1 * r1 + x2 * r0 + x3 * w3 + x4 * w2
  const d3 = x0 * r3 + x1 * r2 + x2 * r1 + x3 * r0 + x4 * w3
  const d4 = x4 * (r0 & 3) + (d3 >> 32)
  // The column of 2^128 has its bits from 2^130 on folded into limb 0; one pass of carries is enough, the top keeps a spare bit.
  const h0 = (d0 & LIMB) + (d4 >> 2) * 5
  const h1 = (d1 & LIMB) + (d0 >> 32) + (h0 >> 32)
  const h2 = (d2 & LIMB) + (d1 >> 32) + (h1 >> 32)
  const h3 = (d3 & LIMB) + (d2 >> 32) + (h2 >> 32)
  store<u64>(H, h0 & LIMB)
  store<u64>(H, h1 & LIMB, 8)
  store<u64>(H, h2 & LIMB, 16)
  store<u64>(H, h3 & LIMB, 24)
  store<u64>(H, (d4 & 3) + (h3 >> 32), 32)
}

@inline export function absorbPair(at: usize): void {
  absorbBlock(load<u64>(at), load<u64>(at, 8), 1)
  absorbBlock(load<u64>(at, 16), load<u64>(at, 24), 1)
}

/** Where the MAC under way has got. */
@inline export function macPosition(): usize {
  return macAt
}

/** Where its message ends. */
@inline export function macLimit(): usize {
  return macEnd
}

/** Hands out pairs of blocks, up to `available` and `most` of them, which the caller is to absorb from `macPosition`. Returns their end. */
@inline export function takePairs(available: usize, most: usize): usize {
  macAt += min<usize>((available - macAt) & ~31, most * 32)
  return macAt
}

/** Absorbs what is left of the MAC under way, if one is, and stores its tag. */
export function endMac(): void {
  if (macTag === 0) return
  let at = macAt
  for (; at + 32 <= macEnd; at += 32) absorbPair(at)
  if (at + 16 <= macEnd) {
    absorbBlock(load<u64>(at), load<u64>(at, 8), 1)
    at += 16
  }
  if (at < macEnd) absorbPartial(at, (macEnd - at) as u64)
  storeTag(macTag)
  macTag = 0
  macAt = macEnd
}

/** Absorbs the last block of 1 to 15 bytes: its end mark is a 1 behind them, and what else is in memory there does not count. */
function absorbPartial(at: usize, length: u64): void {
  const mark = (1 as u64) << ((length & 7) * 8)
  const last = length < 8 ? load<u64>(at) : load<u64>(at, 8)
  const marked = (last & (mark - 1)) | mark
  if (length < 8) absorbBlock(marked, 0, 0)
  else absorbBlock(load<u64>(at), marked, 0)
}

/** Reduces the accumulator mod 2^130 - 5, adds PAD mod 2^128 and stores the tag. */
function storeTag(tag: usize): void {
  const h0 = load<u64>(H), h1 = load<u64>(H, 8), h2 = load<u64>(H, 16), h3 = load<u64>(H, 24), h4 = load<u64>(H, 32)
  // The multiples of p in h are those of 2^130 in h + 5: p = 2^130 - 5, and h is below 2p.
  let sum = h0 + 5
  sum = h1 + (sum >> 32)
  sum = h2 + (sum >> 32)
  sum = h3 + (sum >> 32)
  sum = h4 + (sum >> 32)
  // Each counts as 5 here, and its 2^130 falls off the tag's 128 bits.
  sum = h0 + (sum >> 2) * 5
  let lo = sum & LIMB
  sum = h1 + (sum >> 32)
  lo |= sum << 32
  sum = h2 + (sum >> 32)
  let hi = sum & LIMB
  sum = h3 + (sum >> 32)
  hi |= sum << 32
  const tagLo = lo + load<u64>(PAD)
  store<u64>(tag, tagLo)
  store<u64>(tag, hi + load<u64>(PAD, 8) + u64(tagLo < lo), 8)
}
