import type { Duplex } from 'node:stream'
import type { Random } from '../util/random.ts'
import type { Web } from './web.ts'

/** Where a stream goes to or is listened for: a TCP host (IPv4, IPv6 or name) and port, or a UNIX socket path. */
export type Address = TcpAddress | PathAddress

export interface TcpAddress {
  readonly host: string
  readonly port: number
}

export interface PathAddress {
  readonly path: string
}

/**
 * One dialled or accepted byte stream, paused until somebody reads it. A net.Socket is one; members that only
 * sockets have are optional, for streams that a proxy, TLS or a test carries. It ends half-open: the reader's end does not end the writer.
 */
export type ByteStream = Duplex & {
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly localFamily?: string | undefined
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly remoteFamily?: string | undefined
  setNoDelay?(noDelay?: boolean): unknown
  setKeepAlive?(enable?: boolean, initialDelayMs?: number): unknown
  resetAndDestroy?(): unknown
  ref?(): unknown
  unref?(): unknown
}

/** Opens streams. Resolves with a connected stream that the caller owns; rejects with the system's error, or the signal's reason. */
export interface Dialer {
  dial(address: Address, options: { readonly signal: AbortSignal }): Promise<ByteStream>
}

/** How a TLS client connects. */
export interface TlsClientSettings {
  /** What the certificate must be of; unless it is an IP address it is sent as the server name, too. */
  readonly servername: string
  /** Protocols offered, the preferred one first. */
  readonly alpn?: readonly string[]
  /**
   * The 32-byte hash of the one certificate chain that will do: h = SHA-256(DER of the first), then h = SHA-256(h ‖ SHA-256(DER)) for each that the
   * server sends after it. With it nothing else of the certificate counts: neither issuer, nor name, nor dates.
   */
  readonly pin?: Uint8Array
  /** Certificates in PEM that the chain must end in, in place of the system's; without meaning beside a pin. */
  readonly ca?: string
  readonly signal: AbortSignal
}

/** Puts TLS over streams. */
export interface Tls {
  /**
   * Connects as a client over a stream, which it owns from then on. Resolves once the peer has proved itself; rejects with PT_PIN_MISMATCH, the error
   * of node:tls with its code (CERT_HAS_EXPIRED, ERR_TLS_CERT_ALTNAME_INVALID …), the system's error, or the signal's reason; the stream is then destroyed.
   */
  connect(stream: ByteStream, settings: TlsClientSettings): Promise<ByteStream>
}

/** An address of UDP: IPv4, IPv6 without brackets, or a name; a bound one is never a name. */
export interface UdpAddress {
  readonly host: string
  readonly port: number
}

/** Where a datagram came from, or a socket is bound. */
export interface DatagramAddress {
  readonly address: string
  /** 'IPv4' or 'IPv6'. */
  readonly family: string
  readonly port: number
}

/** Called by a datagram socket until it is closed. */
export interface DatagramHandlers {
  /** Owns the datagram. */
  readonly onMessage: (datagram: Buffer, source: DatagramAddress) => void
  /** A failure that ends the socket, which is closed already; what costs a datagram alone (ICMP, EMSGSIZE) goes to send()'s callback, or nowhere. */
  readonly onError: (error: Error) => void
}

/** One UDP socket. */
export interface DatagramSocket {
  /** The address really bound. */
  readonly address: DatagramAddress
  /** The peer of a connected socket. */
  readonly remote: DatagramAddress | undefined
  /**
   * Sends one datagram, which must not change until `done`: to the peer of a connected socket, else to an IP address. Never throws; `done` hears the system's error,
   * which costs this datagram alone.
   */
  send(datagram: Uint8Array, to?: UdpAddress, done?: (error: Error | null) => void): void
  /** Closes the socket and frees the address; idempotent. */
  close(): Promise<void>
  ref(): void
  unref(): void
}

/** Opens UDP sockets. Rejects with the system's error, or the signal's reason. */
export interface Datagrams {
  /** Binds an IP address, port 0 for one that the system chooses; receives from everybody. */
  bind(local: UdpAddress, handlers: DatagramHandlers): Promise<DatagramSocket>
  /** Connects to one peer, looking a name up: only its datagrams are received, and its ICMP refusals cost a datagram. */
  connect(
    remote: UdpAddress,
    handlers: DatagramHandlers,
    options: { readonly signal: AbortSignal },
  ): Promise<DatagramSocket>
}

/** What is listened on: with port 0 the system chooses; without a host it is every address. */
export type ListenAddress =
  | {
      readonly port: number
      readonly host?: string
      readonly backlog?: number
      readonly ipv6Only?: boolean
      readonly exclusive?: boolean
    }
  | { readonly path: string; readonly backlog?: number; readonly readableAll?: boolean; readonly writableAll?: boolean }

/** The address really bound, as net.Server's address() gives it: an object for TCP, the path for a UNIX socket. */
export type BoundAddress = { readonly address: string; readonly family: string; readonly port: number } | string

/** A bound and listening acceptor of streams. */
export interface Acceptor {
  readonly address: BoundAddress
  /** Stops accepting and frees the address; streams already accepted live on. Resolves when the address is free. */
  close(): Promise<void>
  ref(): void
  unref(): void
}

/**
 * Accepts streams: `onStream` owns each; `onError` reports a failure after which nothing more is accepted. `signal` aborts when nobody wants what is being bound any
 * more: a binder that takes long rejects then; others need not look at it.
 */
export interface Binder {
  bind(
    address: ListenAddress,
    handlers: {
      readonly onStream: (stream: ByteStream) => void
      readonly onError: (error: Error) => void
      readonly signal?: AbortSignal
    },
  ): Promise<Acceptor>
}

/** A file of fixed length that is written in place, held under an exclusive lock until it is closed. */
export interface SlotFile {
  /** Its whole content when it was opened; owned by the caller. */
  readonly initial: Buffer
  /** Writes `bytes` at `position`; when it resolves they survive the death of this process (not a loss of power). */
  write(position: number, bytes: Uint8Array): Promise<void>
  /** Ends the lock and closes the file, after writes under way. */
  close(): Promise<void>
}

/** One directory of state, made with mode 0700; every file in it has mode 0600. Names are plain file names. */
export interface StateDirectory {
  /** Reads a whole file; undefined where there is none. Rejects with the system's error, or PT_STATE_CORRUPT past 1 MiB. */
  read(name: string): Promise<Buffer | undefined>
  /** Replaces a file atomically: written under a temporary name, synced, renamed. A failure leaves the old one as it was. */
  replace(name: string, content: Uint8Array | string): Promise<void>
  /**
   * Opens a file of exactly `length` bytes, made and preallocated by `create()` when absent, under an exclusive lock among processes.
   * Rejects with PT_STATE_LOCKED while somebody else has it, PT_STATE_CORRUPT when its length differs.
   */
  openSlots(name: string, length: number, create: () => Buffer): Promise<SlotFile>
}

/** Persistent state. */
export interface Store {
  /** Opens the directory, making it when absent. Rejects with PT_STATE_UNUSABLE, the system's error as its cause. */
  directory(path: string): Promise<StateDirectory>
}

/** A timer under way. */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Wall time in ms since 1970; it may jump. */
  now(): number
  /** Ms since an arbitrary start; it never goes back. Deadlines are kept in it. */
  monotonic(): number
  /** Calls `callback` once after `delayMs`. A timer with `ref: false` does not keep the process alive; the default does. */
  setTimer(callback: () => void, delayMs: number, options?: { readonly ref?: boolean }): Timer
  /** Calls `task` later, after the input that is there by now, without keeping the process alive. */
  defer(task: () => void): Timer
}

/** All that a transport can reach of the world. Replace a member to put a proxy, another resolver, a fake clock or memory under every transport. */
export interface Platform {
  readonly dialer: Dialer
  readonly binder: Binder
  readonly datagrams: Datagrams
  readonly tls: Tls
  readonly web: Web
  readonly store: Store
  readonly clock: Clock
  readonly random: Random
}
