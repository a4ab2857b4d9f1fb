import type { EventEmitter } from 'node:events'
import type { PacketFramingName } from './packet-framing.ts'
import type { TcpAddress, UdpAddress } from './platform.ts'

/** How a packet connection carries packets, and its limits. The peer must use the same framing: nothing on the wire tells it. */
export interface PacketOptions {
  /**
   * 'datagrams' are the transport's own, the default where it has any; the others go over its byte stream, 'length-prefix' by default.
   * Throws PT_PACKETS_UNSUPPORTED where the transport lacks what is asked for.
   */
  readonly framing?: PacketFramingName | 'datagrams'
  /** Packets kept until the connection is there, the oldest dropped first; 64. With 0 they are dropped, as PT 3.0 §1.5.4 has it. */
  readonly maxQueuedPackets?: number
  /** Bytes kept until then; 65,536. One packet is kept whatever its length. */
  readonly maxQueuedBytes?: number
  /** Bytes that wait for the stream to take them, past which newer packets are dropped; 262,144. */
  readonly maxSendBuffer?: number
  /** Ends the connection after so many ms without a packet either way; 0, the default, never. */
  readonly idleTimeoutMs?: number
}

/** Where a message came from: the peer of the underlying stream or socket; empty and 0 where it has no address. */
export interface PacketSource {
  readonly address: string
  readonly family: string
  readonly port: number
  /** Length of the packet in bytes. */
  readonly size: number
  /** On a server, where its client wants the packet to go; only of transports whose packets say so. */
  readonly target?: TcpAddress
}

/** How send() is to send one packet. */
export interface PacketSendOptions {
  /**
   * On a server, whom the client is to take for the sender; without it whom the client asked last. Throws PT_ADDRESS_INVALID, and PT_TARGET_UNSUPPORTED where
   * packets carry no address.
   */
  readonly from?: UdpAddress
}

/** What became of packets, counted from the start. */
export interface PacketCounters {
  readonly sent: number
  readonly sentBytes: number
  readonly received: number
  readonly receivedBytes: number
  readonly dropped: {
    /** No room: the queue before the connection, or the send buffer. */
    readonly full: number
    /** Longer than the framing, the transport or the system carries. */
    readonly tooLong: number
    /** Not what the framing carries: with 'stun', neither STUN nor ChannelData. */
    readonly malformed: number
    /** Sent when the connection was over, or not sent before it was. */
    readonly closed: number
    /** Received and not recognised, or refused by the system. */
    readonly unreadable: number
  }
}

/** `connect` comes once; `error` at most once, before `close`, which comes exactly once. */
export interface PacketConnectionEvents {
  connect: []
  /** One packet, whole, owned by the listener. */
  message: [packet: Buffer, source: PacketSource]
  error: [error: Error]
  close: []
}

/**
 * Packets through a transport, with the members of a connected dgram.Socket: packets arrive whole and in order, or not at all.
 * Nothing queues without limit: what does not fit is dropped and counted.
 */
export interface PacketConnection extends EventEmitter<PacketConnectionEvents> {
  /** Whether the connection is still to come. */
  readonly connecting: boolean
  /** Whether it has ended, or is ending. */
  readonly closed: boolean
  readonly counters: PacketCounters
  /**
   * Sends one packet: a string (UTF-8), bytes, or a list of both that make one packet. The bytes are read at once and stay the caller's.
   * `callback` hears the packet's length once it has left for the stream, or PT_PACKET_DROPPED, PT_PACKET_TOO_LONG or PT_PACKET_MALFORMED;
   * without a callback a drop is counted and nothing else. Throws ERR_INVALID_ARG_TYPE for anything else.
   */
  send(packet: PacketInput, callback?: (error: Error | null, length: number) => void): void
  send(packet: PacketInput, options: PacketSendOptions, callback?: (error: Error | null, length: number) => void): void
  /** Ends it gracefully: packets already taken leave first. `onClose` is called after 'close'. Idempotent. */
  close(onClose?: () => void): this
  /** Ends it at once; with an error, 'error' comes before 'close'. */
  destroy(error?: Error): this
  /** The local address, as dgram.Socket gives it; throws PT_NOT_CONNECTED where there is none. */
  address(): { readonly address: string; readonly family: string; readonly port: number }
  /** The peer's, likewise. */
  remoteAddress(): { readonly address: string; readonly family: string; readonly port: number }
  /** Bytes, and packets, that wait to leave. */
  getSendQueueSize(): number
  getSendQueueCount(): number
  ref(): this
  unref(): this
}

/** What send() takes: dgram's kinds of it. */
export type PacketInput = string | NodeJS.ArrayBufferView | readonly (string | NodeJS.ArrayBufferView)[]

/** A protocol whose packets are datagrams of its own: one for each packet. One per peer. */
export interface DatagramCodec {
  /** Whether a server's packets name their sender: then seal() is given what send() is told. */
  readonly carriesAddresses?: boolean
  /** Makes the datagram of a packet, in a buffer owned by the caller, or says why it cannot go. */
  seal(packet: Uint8Array, from?: UdpAddress): Uint8Array | 'too-long' | 'malformed'
  /** The packet of a datagram, owned by the caller, with where it is to go if it says so; undefined drops it without an answer. */
  open(datagram: Uint8Array): Buffer | AddressedPacket | undefined
}

/** A client's packet that says where it is to go. */
export interface AddressedPacket {
  readonly packet: Buffer
  readonly target: TcpAddress
}
