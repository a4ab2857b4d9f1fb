import { type Cipher, type Decipher, createCipheriv, createDecipheriv } from 'node:crypto'
import { constantTimeEqual } from '../../crypto/constant-time.ts'
import { HmacSha256 } from '../../crypto/hmac-sha256.ts'
import { MASTER_KEY_LENGTH, PRNG_SEED_LENGTH, TICKET_LENGTH } from './constants.ts'
import {
  FLAG_NEW_TICKET,
  FLAG_PAYLOAD,
  FLAG_PRNG_SEED,
  HEADER_LENGTH,
  MAX_PAYLOAD_LENGTH,
  PACKET_MAC_LENGTH,
  PACKET_OVERHEAD_LENGTH,
  splitKey,
} from './packet-format.ts'

/** Why a decoder has stopped for good. */
export type PacketError = 'mac-mismatch' | 'header-invalid'

/** What came out of some wire bytes. Buffers are new and owned by the caller. */
export interface DecodedPackets {
  /** Whole packets that were authentic. */
  readonly packetCount: number
  /** Application bytes of all of them; undefined when there are none. */
  readonly data: Buffer | undefined
  /** The payload of the last NEW_TICKET packet of 144 bytes: master key (32) ‖ ticket (112). */
  readonly ticket: Buffer | undefined
  /** The payload of the last PRNG_SEED packet of 32 bytes. */
  readonly seed: Buffer | undefined
  /** Why decoding has ended, after the bytes in `data`; undefined as long as it goes on. */
  readonly error: PacketError | undefined
}

const NEW_TICKET_LENGTH = MASTER_KEY_LENGTH + TICKET_LENGTH
const EMPTY: Buffer = Buffer.alloc(0)
/** Key stream that is made at least, and kept: small reads share a call of the cipher. */
const KEPT_LENGTH = 2048
const zeros = Buffer.alloc(65_536)
/** What a call of `decode` works with. No caller can come between, so one serves all instances. */
const expectedMac = Buffer.alloc(PACKET_MAC_LENGTH)
const scratch = Buffer.alloc(72 * 1024)

/** What a packet's header says. */
interface Header {
  readonly totalLength: number
  readonly payloadLength: number
  readonly flag: number
}

/** Where a packet lies among the decrypted bytes. */
interface Packet {
  readonly flag: number
  readonly start: number
  readonly payloadLength: number
}

/**
 * Opens one direction's packets. Where a packet ends is encrypted, so a first key stream, made for a whole read at once, serves to look at
 * the headers alone; what is authentic is then decrypted by one call, which costs less than a call for each packet.
 */
export class PacketDecoder {
  readonly #decipher: Decipher
  readonly #hmac: HmacSha256
  readonly #headerStream: HeaderStream
  #held: Buffer = EMPTY
  /** Payload and padding of the packet whose header was read; undefined while none has begun. */
  #header: Header | undefined
  #error: PacketError | undefined

  /** Copies the 72 bytes of a direction's key material. Throws RangeError for another length. */
  constructor(key: Uint8Array) {
    const { cipherKey, counterBlock, hmacKey } = splitKey(key)
    this.#decipher = createDecipheriv('aes-256-ctr', cipherKey, counterBlock)
    this.#headerStream = new HeaderStream(createCipheriv('aes-256-ctr', cipherKey, counterBlock))
    this.#hmac = new HmacSha256(hmacKey)
  }

  /** Whether a packet has begun and not ended, so that an end of the stream here truncates it. */
  get partial(): boolean {
    return this.#held.length > 0
  }

  /**
   * Opens all whole packets of `bytes`, in any chopping, and keeps a copy of a partial one. Packets of unknown kinds are skipped. Never throws: after an
   * error, which is fatal, every later call returns the same error and nothing else.
   */
  decode(bytes: Uint8Array): DecodedPackets {
    if (this.#error !== undefined) return nothing(this.#error)
    if (this.#held.length + bytes.length < this.#needed) {
      this.#held = this.#held.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#held, bytes])
      return nothing(undefined)
    }
    const wire = this.#held.length === 0 ? asBuffer(bytes) : Buffer.concat([this.#held, bytes])
    return this.#open(wire)
  }

  /** Bytes without which nothing can be done. */
  get #needed(): number {
    return PACKET_OVERHEAD_LENGTH + (this.#header?.totalLength ?? 0)
  }

  #open(wire: Buffer): DecodedPackets {
    const sealed = wire.length <= scratch.length ? scratch : Buffer.allocUnsafe(wire.length)
    const packets: Packet[] = []
    let sealedLength = 0
    let at = 0
    while (wire.length - at >= this.#needed) {
      this.#header ??= this.#readHeader(wire, at)
      if (this.#header === undefined) break
      if (wire.length - at < this.#needed) break
      const end = at + this.#needed
      const packet = wire.subarray(at + PACKET_MAC_LENGTH, end)
      this.#hmac.computeInto(expectedMac, packet)
      if (!constantTimeEqual(expectedMac, wire.subarray(at, at + PACKET_MAC_LENGTH))) {
        this.#error = 'mac-mismatch'
        break
      }
      const { payloadLength, flag } = this.#header
      packets.push({ flag, start: sealedLength + HEADER_LENGTH, payloadLength })
      sealed.set(packet, sealedLength)
      sealedLength += packet.length
      this.#header = undefined
      at = end
    }
    this.#held = this.#error === undefined && at < wire.length ? Buffer.from(wire.subarray(at)) : EMPTY
    this.#headerStream.compact()
    if (sealedLength === 0) return nothing(this.#error)
    return this.#collect(this.#decipher.update(sealed.subarray(0, sealedLength)), packets)
  }

  #readHeader(wire: Buffer, at: number): Header | undefined {
    const header = this.#headerStream.read(wire, at + PACKET_MAC_LENGTH)
    const totalLength = header.readUInt16BE(0)
    const payloadLength = header.readUInt16BE(2)
    if (payloadLength > totalLength || totalLength > MAX_PAYLOAD_LENGTH) {
      this.#error = 'header-invalid'
      return undefined
    }
    this.#headerStream.skip(totalLength)
    return { totalLength, payloadLength, flag: header[4]! }
  }

  /** Moves the payloads together at the beginning of `plain`, which is ours. */
  #collect(plain: Buffer, packets: readonly Packet[]): DecodedPackets {
    let length = 0
    let ticket: Buffer | undefined
    let seed: Buffer | undefined
    for (const { flag, start, payloadLength } of packets) {
      const end = start + payloadLength
      if (flag === FLAG_PAYLOAD) {
        plain.copyWithin(length, start, end)
        length += payloadLength
      } else if (flag === FLAG_NEW_TICKET && payloadLength === NEW_TICKET_LENGTH) {
        ticket = Buffer.from(plain.subarray(start, end))
      } else if (flag === FLAG_PRNG_SEED && payloadLength === PRNG_SEED_LENGTH) {
        seed = Buffer.from(plain.subarray(start, end))
      }
    }
    const data = length > 0 ? plain.subarray(0, length) : undefined
    return { packetCount: packets.length, data, ticket, seed, error: this.#error }
  }
}

/** The key stream at the places of headers. */
class HeaderStream {
  readonly #cipher: Cipher
  #ahead: Buffer = EMPTY
  #position = 0
  readonly #header = Buffer.alloc(HEADER_LENGTH)

  constructor(cipher: Cipher) {
    this.#cipher = cipher
  }

  /** Decrypts the header at `at`, valid until the next call; the stream goes behind it. Makes key stream for all that follows in `wire`. */
  read(wire: Buffer, at: number): Buffer {
    if (this.#ahead.length - this.#position < HEADER_LENGTH) this.#extend(wire.length - at)
    for (let index = 0; index < HEADER_LENGTH; index++) {
      this.#header[index] = wire[at + index]! ^ this.#ahead[this.#position + index]!
    }
    this.#position += HEADER_LENGTH
    return this.#header
  }

  /** Passes over a packet's payload and padding. */
  skip(length: number): void {
    this.#position += length
  }

  /** Lets go of what is passed over, if that is a whole read. */
  compact(): void {
    if (this.#ahead.length <= KEPT_LENGTH) return
    const rest = Math.max(0, this.#ahead.length - this.#position)
    this.#position -= this.#ahead.length - rest
    this.#ahead = rest === 0 ? EMPTY : Buffer.from(this.#ahead.subarray(-rest))
  }

  /** Makes the next `length` bytes at least, of what is not passed over yet. */
  #extend(length: number): void {
    const kept = this.#ahead.length - this.#position
    if (kept < 0) this.#make(-kept)
    const rest = kept > 0 ? this.#ahead.subarray(this.#position) : EMPTY
    const made = this.#make(Math.max(length, KEPT_LENGTH) - rest.length)
    this.#ahead = rest.length === 0 ? made : Buffer.concat([rest, made])
    this.#position = 0
  }

  #make(length: number): Buffer {
    return this.#cipher.update(length <= zeros.length ? zeros.subarray(0, length) : Buffer.alloc(length))
  }
}

function nothing(error: PacketError | undefined): DecodedPackets {
  return { packetCount: 0, data: undefined, ticket: undefined, seed: undefined, error }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
