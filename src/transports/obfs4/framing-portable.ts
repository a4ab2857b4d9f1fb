import { HashDrbg } from '../../crypto/drbg.ts'
import { openSecretbox, sealSecretbox } from '../../crypto/secretbox.ts'
import { type Random, uniformInteger } from '../../util/random.ts'
import {
  burstLength,
  checkFrameKey,
  checkPacket,
  counterExhausted,
  type DecodedFrames,
  FRAME_OVERHEAD_LENGTH,
  type FrameDecoder,
  type FrameEncoder,
  type FrameError,
  HEADER_LENGTH,
  LENGTH_LENGTH,
  MAX_BOX_LENGTH,
  MAX_PAYLOAD_LENGTH,
  MIN_BOX_LENGTH,
  NOTHING_DECODED,
  PACKET_TYPE_PAYLOAD,
  PACKET_TYPE_PRNG_SEED,
  PRNG_SEED_LENGTH,
} from './frame-format.ts'

// The framing as the specification tells it, frame by frame: the reference for the kernel, and its stand-in where WebAssembly SIMD is missing.

/** The keys, counter and length masks of one direction. */
class FrameKeys {
  readonly #key: Buffer
  /** Nonce prefix ‖ counter. */
  readonly #nonce: Buffer
  readonly #masks: HashDrbg
  #counter: bigint

  constructor(key: Uint8Array, counter: bigint) {
    checkFrameKey(key)
    this.#key = Buffer.from(key.subarray(0, 32))
    this.#nonce = Buffer.alloc(24)
    this.#nonce.set(key.subarray(32, 48))
    this.#masks = new HashDrbg(key.subarray(48, 72))
    this.#counter = counter
  }

  /** Whether the counter has wrapped: no frame may follow. */
  get exhausted(): boolean {
    return this.#counter === 0n
  }

  nextMask(): number {
    this.#masks.advance()
    return this.#masks.first >>> 16
  }

  seal(packet: Uint8Array): Uint8Array {
    return sealSecretbox(this.#key, this.#nextNonce(), packet)
  }

  open(box: Uint8Array): Uint8Array | undefined {
    return openSecretbox(this.#key, this.#nextNonce(), box)
  }

  #nextNonce(): Buffer {
    this.#nonce.writeBigUInt64BE(this.#counter, 16)
    this.#counter = BigInt.asUintN(64, this.#counter + 1n)
    return this.#nonce
  }
}

/** The encoder on @noble/ciphers. `counter` is for tests. */
export class PortableFrameEncoder implements FrameEncoder {
  readonly #keys: FrameKeys

  constructor(key: Uint8Array, counter = 1n) {
    this.#keys = new FrameKeys(key, counter)
  }

  encode(chunks: readonly Uint8Array[], padding: readonly number[] = []): Buffer {
    const wire = Buffer.allocUnsafe(burstLength(chunks, padding))
    const bytes = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
    let at = 0
    for (let start = 0; start < bytes.length; start += MAX_PAYLOAD_LENGTH) {
      at = this.#seal(wire, at, PACKET_TYPE_PAYLOAD, bytes.subarray(start, start + MAX_PAYLOAD_LENGTH), 0)
    }
    for (const count of padding) at = this.#seal(wire, at, PACKET_TYPE_PAYLOAD, EMPTY, count)
    return wire
  }

  encodePacket(type: number, payload: Uint8Array, padding = 0): Buffer {
    checkPacket(payload.length, padding)
    const wire = Buffer.allocUnsafe(FRAME_OVERHEAD_LENGTH + payload.length + padding)
    this.#seal(wire, 0, type, payload, padding)
    return wire
  }

  /** Writes one frame to `wire` at `at` and returns the offset behind it. */
  #seal(wire: Buffer, at: number, type: number, payload: Uint8Array, padding: number): number {
    if (this.#keys.exhausted) throw counterExhausted()
    const packet = Buffer.alloc(HEADER_LENGTH + payload.length + padding)
    packet.writeUInt8(type, 0)
    packet.writeUInt16BE(payload.length, 1)
    packet.set(payload, HEADER_LENGTH)
    const box = this.#keys.seal(packet)
    wire.writeUInt16BE(box.length ^ this.#keys.nextMask(), at)
    wire.set(box, at + LENGTH_LENGTH)
    return at + LENGTH_LENGTH + box.length
  }
}

const EMPTY = new Uint8Array(0)

/** The decoder on @noble/ciphers. `counter` is for tests. */
export class PortableFrameDecoder implements FrameDecoder {
  readonly #keys: FrameKeys
  readonly #substitute: number
  #held: Buffer = Buffer.alloc(0)
  /** Length of the frame that has begun; 0 when none has. */
  #begun = 0
  #error: FrameError | undefined

  constructor(key: Uint8Array, random: Random, counter = 1n) {
    this.#keys = new FrameKeys(key, counter)
    this.#substitute = uniformInteger(random, MIN_BOX_LENGTH, MAX_BOX_LENGTH)
  }

  get partial(): boolean {
    return this.#begun > 0 || this.#held.length > 0
  }

  decode(bytes: Uint8Array): DecodedFrames {
    if (this.#error !== undefined) return { ...NOTHING_DECODED, error: this.#error }
    const payloads: Uint8Array[] = []
    let seed: Buffer | undefined
    let rest = Buffer.concat([this.#held, bytes])
    for (;;) {
      if (this.#begun === 0) {
        if (rest.length < LENGTH_LENGTH) break
        this.#begun = this.#unmask(rest.readUInt16BE(0))
        rest = rest.subarray(LENGTH_LENGTH)
      }
      if (rest.length < this.#begun) break
      const packet = this.#open(rest.subarray(0, this.#begun))
      if (typeof packet === 'string') {
        this.#error = packet
        break
      }
      const payload = packet.subarray(HEADER_LENGTH, HEADER_LENGTH + payloadLength(packet))
      if (packet[0] === PACKET_TYPE_PAYLOAD) payloads.push(payload)
      if (packet[0] === PACKET_TYPE_PRNG_SEED && payload.length === PRNG_SEED_LENGTH) seed = Buffer.from(payload)
      rest = rest.subarray(this.#begun)
      this.#begun = 0
    }
    this.#held = Buffer.from(this.#error === undefined ? rest : EMPTY)
    const data = Buffer.concat(payloads)
    return { data: data.length > 0 ? data : undefined, seed, error: this.#error }
  }

  /** Takes an invalid length for another that the tag check will refuse, so that nobody sees which was wrong. */
  #unmask(masked: number): number {
    const length = masked ^ this.#keys.nextMask()
    return length < MIN_BOX_LENGTH || length > MAX_BOX_LENGTH ? this.#substitute : length
  }

  #open(box: Uint8Array): Uint8Array | FrameError {
    if (this.#keys.exhausted) return 'counter-exhausted'
    const packet = this.#keys.open(box)
    if (packet === undefined) return 'tag-mismatch'
    if (packet.length < HEADER_LENGTH || HEADER_LENGTH + payloadLength(packet) > packet.length) return 'packet-invalid'
    return packet
  }
}

function payloadLength(packet: Uint8Array): number {
  return (packet[1]! << 8) | packet[2]!
}
