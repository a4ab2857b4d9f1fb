import type { SendCallback } from './packet-input.ts'

/** A packet on its way out. */
export interface OutgoingPacket {
  /** What leaves: the packet as it travels, owned by who holds this. */
  readonly bytes: Uint8Array
  /** Length of the packet itself in bytes. */
  readonly length: number
  readonly callback: SendCallback | undefined
}

/** Holds packets until there is a connection: the oldest is dropped for the newest. One is held whatever its length. */
export class PacketQueue {
  readonly #maxPackets: number
  readonly #maxBytes: number
  readonly #packets: OutgoingPacket[] = []
  #byteLength = 0

  /** With 0 packets, nothing is held. */
  constructor(maxPackets: number, maxBytes: number) {
    this.#maxPackets = maxPackets
    this.#maxBytes = maxBytes
  }

  /** Packets held. */
  get count(): number {
    return this.#packets.length
  }

  /** Bytes held. */
  get byteLength(): number {
    return this.#byteLength
  }

  /** Holds a packet. Returns those that it drops, oldest first: the packet itself when nothing may be held. */
  push(packet: OutgoingPacket): readonly OutgoingPacket[] {
    if (this.#maxPackets === 0) return [packet]
    this.#packets.push(packet)
    this.#byteLength += packet.bytes.byteLength
    const dropped: OutgoingPacket[] = []
    while (this.#packets.length > this.#maxPackets || (this.#byteLength > this.#maxBytes && this.#packets.length > 1)) {
      const oldest = this.#packets.shift()!
      this.#byteLength -= oldest.bytes.byteLength
      dropped.push(oldest)
    }
    return dropped
  }

  /** Empties the queue. Returns all that it held, oldest first. */
  takeAll(): readonly OutgoingPacket[] {
    this.#byteLength = 0
    return this.#packets.splice(0)
  }
}
