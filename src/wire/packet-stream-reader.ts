import type { PacketReader, PacketsRead } from '../core/packet-framing.ts'

/** The longest packet of a stream in bytes: what the 16-bit length of a UDP header leaves beside that header (RFC 768). */
export const MAX_PACKET_LENGTH = 65_527

/** How a framing lays its packets out: each begins with a head that tells its length. */
export interface PacketLayout {
  /** Bytes that tell a packet's length. */
  readonly headLength: number
  /** Whether the head belongs to the packet, or only goes before it. */
  readonly keepsHead: boolean
  /** Padding follows a packet up to a multiple of so many bytes, a power of two; 1 is none. */
  readonly alignment: number
  /** Reads the head at `at`: the packet's length in bytes, the head counted where it belongs to it, or why this is no packet. */
  packetLength(bytes: Uint8Array, at: number): number | string
}

const EMPTY = Buffer.alloc(0)

/**
 * Reads packets of one layout. A packet comes out with its last byte, not with its padding, which may be any bytes or be cut off. Longer
 * ones than MAX_PACKET_LENGTH go by unheld. The memory of an unfinished packet is taken once, when its length is known.
 */
export class PacketStreamReader implements PacketReader {
  readonly #layout: PacketLayout
  readonly #prefixLength: number
  readonly #head: Buffer
  /** Bytes of a head that is not whole; all of them once it has shown itself to be none. */
  #headHeld = 0
  /** The packet that has begun; undefined where it is too long to be held. */
  #packet: Buffer | undefined
  /** Bytes that the packet that has begun takes on the stream, without padding, and how many of them are missing. */
  #begunLength = 0
  #missing = 0
  /** Bytes of padding still to come, after what is missing. */
  #padding = 0

  constructor(layout: PacketLayout) {
    this.#layout = layout
    this.#prefixLength = layout.keepsHead ? 0 : layout.headLength
    this.#head = Buffer.alloc(layout.headLength)
  }

  get pendingLength(): number {
    return this.#missing > 0 ? this.#begunLength - this.#missing : this.#headHeld
  }

  receive(bytes: Uint8Array): PacketsRead {
    const packets: Buffer[] = []
    let skipped = 0
    let at = 0
    for (;;) {
      at = this.#goOn(bytes, at, packets)
      if (this.#headHeld === 0) at = this.#readWhole(bytes, at, packets)
      if (at === bytes.length) break
      at = this.#readHead(bytes, at)
      if (this.#headHeld < this.#head.length) break
      const length = this.#layout.packetLength(this.#head, 0)
      if (typeof length === 'string') return { packets, skipped, fault: length }
      if (length > MAX_PACKET_LENGTH) skipped += 1
      this.#begin(length, packets)
    }
    return { packets, skipped }
  }

  /** Takes what is missing of the packet that has begun, and its padding; returns where the next one begins. */
  #goOn(bytes: Uint8Array, start: number, packets: Buffer[]): number {
    const count = Math.min(this.#missing, bytes.length - start)
    if (count > 0) {
      this.#packet?.set(bytes.subarray(start, start + count), this.#packet.length - this.#missing)
      this.#missing -= count
      if (this.#missing === 0) this.#deliver(packets)
    }
    const passed = this.#missing > 0 ? 0 : Math.min(this.#padding, bytes.length - start - count)
    this.#padding -= passed
    return start + count + passed
  }

  /** Copies out the packets that lie whole in `bytes`; returns where the first begins that does not, or that cannot be one. */
  #readWhole(bytes: Uint8Array, start: number, packets: Buffer[]): number {
    let at = start
    while (at + this.#head.length <= bytes.length) {
      const length = this.#layout.packetLength(bytes, at)
      if (typeof length === 'string' || length > MAX_PACKET_LENGTH) return at
      const begin = at + this.#prefixLength
      const end = begin + length
      if (end > bytes.length) return at
      // Memory of its own: a view of one copy of the read is twice as fast, but keeps all of the read for as long as any packet is kept.
      packets.push(length === 0 ? EMPTY : Buffer.from(bytes.subarray(begin, end)))
      at = end + this.#paddingLength(length)
    }
    if (at <= bytes.length) return at
    this.#padding = at - bytes.length
    return bytes.length
  }

  #readHead(bytes: Uint8Array, start: number): number {
    let at = start
    while (at < bytes.length && this.#headHeld < this.#head.length) this.#head[this.#headHeld++] = bytes[at++]!
    return at
  }

  #begin(length: number, packets: Buffer[]): void {
    this.#headHeld = 0
    this.#begunLength = this.#prefixLength + length
    this.#missing = this.#begunLength - this.#head.length
    this.#padding = this.#paddingLength(length)
    if (length > MAX_PACKET_LENGTH) return
    this.#packet = length === 0 ? EMPTY : Buffer.allocUnsafe(length)
    if (this.#layout.keepsHead) this.#packet.set(this.#head)
    if (this.#missing === 0) this.#deliver(packets)
  }

  #deliver(packets: Buffer[]): void {
    if (this.#packet !== undefined) packets.push(this.#packet)
    this.#packet = undefined
  }

  #paddingLength(length: number): number {
    return -length & (this.#layout.alignment - 1)
  }
}
