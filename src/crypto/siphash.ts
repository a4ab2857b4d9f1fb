/**
 * SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF"), incremental.
 * A 64-bit word is a pair of 32-bit halves, low half first, since BigInt is fifty times slower here.
 */

export const SIPHASH_KEY_LENGTH = 16
export const SIPHASH_DIGEST_LENGTH = 8

/** A running SipHash-2-4 over all bytes that `update` was given. */
export class SipHash {
  /** v0 to v3 of the paper, each as low half and high half. */
  readonly #state: Int32Array
  #pendingLow = 0
  #pendingHigh = 0
  /** Bytes so far modulo 256: the paper's b, of which no more enters the digest. */
  #count = 0

  /** Starts with a key of 16 bytes, which is copied into the state. Throws RangeError for another length. */
  constructor(key: Uint8Array) {
    if (key.length !== SIPHASH_KEY_LENGTH) throw new RangeError('a SipHash key has 16 bytes')
    this.#state = initialState(key)
  }

  /** Appends `bytes`, of any length, to the input. */
  update(bytes: Uint8Array): this {
    for (const byte of bytes) this.#append(byte)
    return this
  }

  /** Appends one little-endian 64-bit word, as its halves. Throws RangeError unless the input so far is whole words. */
  updateWord(low: number, high: number): this {
    if ((this.#count & 7) !== 0) throw new RangeError('the SipHash input so far is not whole words')
    compress(this.#state, low, high)
    this.#count = (this.#count + 8) & 0xff
    return this
  }

  /** Computes the digest of the input so far: 8 bytes little-endian, in a new buffer. Leaves the running state as it is. */
  digest(): Buffer {
    const words = new Int32Array(2)
    this.digestWords(words)
    const digest = Buffer.allocUnsafe(SIPHASH_DIGEST_LENGTH)
    digest.writeInt32LE(words[0]!, 0)
    digest.writeInt32LE(words[1]!, 4)
    return digest
  }

  /** Does the same, with the digest's low and high half as `target[0]` and `target[1]`. */
  digestWords(target: Int32Array): void {
    // The running state must stay, and no caller can come between: one scratch copy serves all instances.
    // (A loop, since the built-in set and fill cost as much as the hash on eight elements.)
    for (let i = 0; i < 8; i++) scratch[i] = this.#state[i]!
    compress(scratch, this.#pendingLow, this.#pendingHigh | (this.#count << 24))
    scratch[4]! ^= 0xff
    sipRounds(scratch, 4)
    target[0] = scratch[0]! ^ scratch[2]! ^ scratch[4]! ^ scratch[6]!
    target[1] = scratch[1]! ^ scratch[3]! ^ scratch[5]! ^ scratch[7]!
    for (let i = 0; i < 8; i++) scratch[i] = 0
  }

  #append(byte: number): void {
    const index = this.#count & 7
    if (index < 4) this.#pendingLow |= byte << (8 * index)
    else this.#pendingHigh |= byte << (8 * (index - 4))
    this.#count = (this.#count + 1) & 0xff
    if (index < 7) return
    compress(this.#state, this.#pendingLow, this.#pendingHigh)
    this.#pendingLow = 0
    this.#pendingHigh = 0
  }
}

/** Computes SipHash-2-4 of `message` under a key of 16 bytes: 8 bytes little-endian, in a new buffer. */
export function siphash(key: Uint8Array, message: Uint8Array): Buffer {
  return new SipHash(key).update(message).digest()
}

const scratch = new Int32Array(8)

/** The paper's initialisation: the key's halves, each twice, under "somepseudorandomlygeneratedbytes". */
function initialState(key: Uint8Array): Int32Array {
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength)
  const k0Low = view.getInt32(0, true)
  const k0High = view.getInt32(4, true)
  const k1Low = view.getInt32(8, true)
  const k1High = view.getInt32(12, true)
  const state = new Int32Array(8)
  state[0] = k0Low ^ 0x70736575
  state[1] = k0High ^ 0x736f6d65
  state[2] = k1Low ^ 0x6e646f6d
  state[3] = k1High ^ 0x646f7261
  state[4] = k0Low ^ 0x6e657261
  state[5] = k0High ^ 0x6c796765
  state[6] = k1Low ^ 0x79746573
  state[7] = k1High ^ 0x74656462
  return state
}

/** Mixes one message word into the state: two rounds between two XORs. */
function compress(state: Int32Array, low: number, high: number): void {
  state[6]! ^= low
  state[7]! ^= high
  sipRounds(state, 2)
  state[0]! ^= low
  state[1]! ^= high
}

/**
 * Applies `count` SipRounds. A sum of low halves carries when both top bits are set, or one is and the sum's is not: as bit arithmetic,
 * since a comparison would be a branch that is mispredicted every other time.
 */
function sipRounds(state: Int32Array, count: number): void {
  let v0 = state[0]!
  let v0High = state[1]!
  let v1 = state[2]!
  let v1High = state[3]!
  let v2 = state[4]!
  let v2High = state[5]!
  let v3 = state[6]!
  let v3High = state[7]!
  let sum = 0
  let old = 0
  for (let round = 0; round < count; round++) {
    sum = (v0 + v1) | 0
    v0High = (v0High + v1High + (((v0 & v1) | ((v0 | v1) & ~sum)) >>> 31)) | 0
    v0 = sum
    old = v1
    v1 = ((v1 << 13) | (v1High >>> 19)) ^ v0
    v1High = ((v1High << 13) | (old >>> 19)) ^ v0High
    old = v0
    v0 = v0High
    v0High = old

    sum = (v2 + v3) | 0
    v2High = (v2High + v3High + (((v2 & v3) | ((v2 | v3) & ~sum)) >>> 31)) | 0
    v2 = sum
    old = v3
    v3 = ((v3 << 16) | (v3High >>> 16)) ^ v2
    v3High = ((v3High << 16) | (old >>> 16)) ^ v2High

    sum = (v0 + v3) | 0
    v0High = (v0High + v3High + (((v0 & v3) | ((v0 | v3) & ~sum)) >>> 31)) | 0
    v0 = sum
    old = v3
    v3 = ((v3 << 21) | (v3High >>> 11)) ^ v0
    v3High = ((v3High << 21) | (old >>> 11)) ^ v0High

    sum = (v2 + v1) | 0
    v2High = (v2High + v1High + (((v2 & v1) | ((v2 | v1) & ~sum)) >>> 31)) | 0
    v2 = sum
    old = v1
    v1 = ((v1 << 17) | (v1High >>> 15)) ^ v2
    v1High = ((v1High << 17) | (old >>> 15)) ^ v2High
    old = v2
    v2 = v2High
    v2High = old
  }
  state[0] = v0
  state[1] = v0High
  state[2] = v1
  state[3] = v1High
  state[4] = v2
  state[5] = v2High
  state[6] = v3
  state[7] = v3High
}
