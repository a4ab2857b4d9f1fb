/** How packets travel in a byte stream: each after its length, or as messages that hold their own. */
export type PacketFramingName = 'length-prefix' | 'stun'

/** Why a packet cannot be carried. */
export type PacketFault = 'too-long' | 'malformed'

/** A pure codec between packets and a byte stream. It keeps no state; readers do. */
export interface PacketFraming {
  readonly name: PacketFramingName
  /** The longest packet it carries, in bytes. */
  readonly maxPacketLength: number
  /** The bytes of one packet on the stream, in a buffer owned by the caller, or why it cannot go. Reads the packet, keeps nothing of it. */
  frame(packet: Uint8Array): Buffer | PacketFault
  /** Makes the reader of one stream. */
  reader(): PacketReader
}

/** What a read brought. */
export interface PacketsRead {
  /** Whole packets in order, owned by the caller. */
  readonly packets: readonly Buffer[]
  /** How many packets were longer than maxPacketLength: they are passed over, not held. Absent is none. */
  readonly skipped?: number
  /** Why the stream cannot go on: a sentence without a byte of the peer's. The packets before the fault are in `packets`. */
  readonly fault?: string
}

/** Takes packets out of one byte stream, in any chopping. It holds one unfinished packet at most, and no more than its length. */
export interface PacketReader {
  /** Reads on; after a fault it must not be called again. Keeps no reference to `bytes`. */
  receive(bytes: Uint8Array): PacketsRead
  /** Bytes of a packet that is not whole; a stream that ends with any is cut off. */
  readonly pendingLength: number
}

/** The framings that factories are given. */
export type PacketFramings = Readonly<Record<PacketFramingName, PacketFraming>>
