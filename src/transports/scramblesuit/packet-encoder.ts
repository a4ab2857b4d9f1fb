import { type Cipher, createCipheriv } from 'node:crypto'
import { HmacSha256 } from '../../crypto/hmac-sha256.ts'
import { byteLengthOf } from '../../util/take-bytes.ts'
import {
  FLAG_PAYLOAD,
  HEADER_LENGTH,
  MAX_PACKET_LENGTH,
  MAX_PAYLOAD_LENGTH,
  PACKET_MAC_LENGTH,
  PACKET_OVERHEAD_LENGTH,
  encodedLength,
  splitKey,
} from './packet-format.ts'

/** Packets that are encrypted by one call: 63 KiB, which is a read of a socket. */
const ROUND_PACKET_COUNT = 45
const SEALED_LENGTH = MAX_PACKET_LENGTH - PACKET_MAC_LENGTH

/** What a round encrypts: headers and payloads without gaps. No caller can come between, so one serves all instances. */
const plain = Buffer.alloc(ROUND_PACKET_COUNT * SEALED_LENGTH)

/** Seals one direction's packets: a whole write by few calls of the cipher, into one buffer. */
export class PacketEncoder {
  readonly #cipher: Cipher
  readonly #hmac: HmacSha256
  /** Lengths of the packets of the round under way, without their MACs. */
  readonly #lengths: number[] = []
  #plainLength = 0
  #wire: Buffer = Buffer.alloc(0)
  #written = 0

  /** Copies the 72 bytes of a direction's key material. Throws RangeError for another length. */
  constructor(key: Uint8Array) {
    const { cipherKey, counterBlock, hmacKey } = splitKey(key)
    this.#cipher = createCipheriv('aes-256-ctr', cipherKey, counterBlock)
    this.#hmac = new HmacSha256(hmacKey)
  }

  /**
   * Seals application bytes into packets of at most 1,427 payload bytes, followed by one packet without payload for each entry of `padding`, with that many zero
   * bytes. Returns the wire bytes in a new buffer owned by the caller. Throws RangeError for padding out of range.
   */
  encode(chunks: readonly Uint8Array[], padding: readonly number[] = []): Buffer {
    const length = byteLengthOf(chunks)
    this.#begin(encodedLength(length), padding)
    let missing = length
    let packetLength = 0
    for (const chunk of chunks) {
      for (let start = 0; start < chunk.length;) {
        if (packetLength === 0) {
          packetLength = Math.min(missing, MAX_PAYLOAD_LENGTH)
          missing -= packetLength
          this.#addHeader(FLAG_PAYLOAD, packetLength, 0)
        }
        const taken = Math.min(chunk.length - start, packetLength)
        plain.set(taken === chunk.length ? chunk : chunk.subarray(start, start + taken), this.#plainLength)
        this.#plainLength += taken
        packetLength -= taken
        start += taken
      }
    }
    return this.#end(padding)
  }

  /** Seals one packet of any kind, with its payload of at most 1,427 bytes, and padding packets behind it; returns and throws as `encode` does. */
  encodePacket(flag: number, payload: Uint8Array, padding: readonly number[] = []): Buffer {
    if (payload.length > MAX_PAYLOAD_LENGTH) throw new RangeError(`no packet has ${payload.length} bytes of payload`)
    this.#begin(PACKET_OVERHEAD_LENGTH + payload.length, padding)
    this.#addHeader(flag, payload.length, 0)
    plain.set(payload, this.#plainLength)
    this.#plainLength += payload.length
    return this.#end(padding)
  }

  #begin(length: number, padding: readonly number[]): void {
    let whole = length
    for (const count of padding) {
      if (!Number.isInteger(count) || count < 0 || count > MAX_PAYLOAD_LENGTH) {
        throw new RangeError(`no packet has ${count} bytes of padding`)
      }
      whole += PACKET_OVERHEAD_LENGTH + count
    }
    this.#wire = Buffer.allocUnsafe(whole)
    this.#written = 0
  }

  #end(padding: readonly number[]): Buffer {
    for (const count of padding) {
      this.#addHeader(FLAG_PAYLOAD, 0, count)
      plain.fill(0, this.#plainLength, this.#plainLength + count)
      this.#plainLength += count
    }
    this.#seal()
    const wire = this.#wire
    this.#wire = Buffer.alloc(0)
    return wire
  }

  #addHeader(flag: number, payloadLength: number, paddingLength: number): void {
    if (this.#lengths.length === ROUND_PACKET_COUNT) this.#seal()
    const totalLength = payloadLength + paddingLength
    let at = this.#plainLength
    plain[at++] = totalLength >>> 8
    plain[at++] = totalLength
    plain[at++] = payloadLength >>> 8
    plain[at++] = payloadLength
    plain[at] = flag
    this.#plainLength += HEADER_LENGTH
    this.#lengths.push(HEADER_LENGTH + totalLength)
  }

  /** Encrypts what has gathered and writes it out, each packet behind its MAC. */
  #seal(): void {
    const gathered = plain.subarray(0, this.#plainLength)
    const sealed = this.#cipher.update(gathered)
    gathered.fill(0)
    let at = 0
    for (const length of this.#lengths) {
      const packet = sealed.subarray(at, at + length)
      this.#hmac.computeInto(this.#wire.subarray(this.#written, this.#written + PACKET_MAC_LENGTH), packet)
      this.#wire.set(packet, this.#written + PACKET_MAC_LENGTH)
      this.#written += PACKET_MAC_LENGTH + length
      at += length
    }
    this.#lengths.length = 0
    this.#plainLength = 0
  }
}
