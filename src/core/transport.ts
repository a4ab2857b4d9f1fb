import type { Codec } from './codec.ts'
import type { Connection } from './connection.ts'
import type { Listener } from './listener.ts'
import type { Log } from './log.ts'
import type { OptionDefinitions, OptionsInput, OptionsSchema } from './options.ts'
import type { DatagramCodec, PacketConnection, PacketOptions } from './packets.ts'
import type { Address, ByteStream, ListenAddress, Platform, TcpAddress } from './platform.ts'

/** Wire names and texts of options, as bridge lines, SOCKS arguments and SMETHOD ARGS carry them. */
export type Arguments = Readonly<Record<string, string>>

/** What a factory is made with besides the transport's own options. Everything has a default; times are in ms. */
export interface FactorySettings {
  readonly platform?: Platform
  readonly logger?: Logger
  /** Limit of a dial; 30 s. */
  readonly dialTimeoutMs?: number
  /** Limit of a client's handshake, from the dialled stream to 'connect'; 60 s. */
  readonly handshakeTimeoutMs?: number
  /** How long a connection that has sent its FIN, or failed, waits for the peer's; 60 s. */
  readonly lingerMs?: number
  /** Leaves addresses, ports and names in system errors; false. */
  readonly unsafeLogging?: boolean
  /**
   * Lets client() take options that lack some, because each connection brings them as arguments; false.
   * Then a missing option throws from connect().
   */
  readonly optionsPerConnection?: boolean
}

/** Receives events as they happen; every member is optional. Fields hold no address, key or secret. */
export interface Logger {
  debug?(event: string, fields: object): void
  info?(event: string, fields: object): void
  warn?(event: string, fields: object): void
  error?(event: string, fields: object): void
}

/** Where to connect, and how: as net.connect() takes it. */
export interface ConnectOptions {
  readonly host?: string
  readonly port?: number | string
  readonly path?: string
  /**
   * The application server that the transport's server is to connect to; host, port and path then name the transport's server. Throws PT_TARGET_UNSUPPORTED
   * where the transport carries none.
   */
  readonly target?: { readonly host: string; readonly port: number | string }
  /** Arguments of this connection, which win over the factory's options. Only options that may come per connection are taken. */
  readonly arguments?: Arguments
  readonly signal?: AbortSignal
  /** Keeps the writable side open when the peer has ended; false by default. */
  readonly allowHalfOpen?: boolean
  readonly noDelay?: boolean
  readonly keepAlive?: boolean
  readonly keepAliveInitialDelay?: number
  /** Idle time in ms after which 'timeout' is emitted; 0, the default, is never. */
  readonly timeout?: number
}

/** Where to listen, and the limits: as net.Server's listen() takes it. */
export type ListenOptions = ListenAddress & {
  /** Open connections beyond which newcomers wait unserved. */
  readonly maxConnections?: number
  /** Handshakes in progress beyond which newcomers wait unserved. */
  readonly maxHandshakes?: number
  readonly allowHalfOpen?: boolean
  readonly noDelay?: boolean
  readonly keepAlive?: boolean
  readonly keepAliveInitialDelay?: number
  readonly signal?: AbortSignal
  /** Makes clients arrive as packet connections, by the event 'packets' in place of 'connection'; true stands for the defaults. */
  readonly packets?: PacketOptions | true
}

/** The draft's Client Factory: connection settings in, Connections out. Argument errors throw before any I/O. */
export interface ClientFactory {
  readonly transport: string
  /** Whether connect() takes a `target`. */
  readonly hasTargets: boolean
  /** Throws what connect() would throw for these arguments of a connection: PT_OPTION_FORBIDDEN, PT_OPTION_INVALID, PT_OPTION_MISSING. */
  checkArguments(args: Arguments): void
  connect(options: ConnectOptions, onConnect?: () => void): Connection
  connect(port: number, host?: string, onConnect?: () => void): Connection
  connect(port: number, onConnect?: () => void): Connection
  connect(path: string, onConnect?: () => void): Connection
  /**
   * Connects for packets, as connect() does for bytes; the server must listen for packets of the same framing. `allowHalfOpen` and `timeout` mean
   * nothing here; `noDelay` is on by default. Throws what connect() throws, and PT_PACKETS_UNSUPPORTED.
   */
  connectPackets(options: ConnectOptions & PacketOptions, onConnect?: () => void): PacketConnection
  connectPackets(port: number, host?: string, onConnect?: () => void): PacketConnection
  connectPackets(port: number, onConnect?: () => void): PacketConnection
  connectPackets(path: string, onConnect?: () => void): PacketConnection
}

/** The draft's Server Factory: an address in, a Listener out. Argument errors throw before any I/O; state is read once listening begins. */
export interface ServerFactory {
  readonly transport: string
  listen(options?: ListenOptions, onListening?: () => void): Listener
  listen(port: number, host?: string, onListening?: () => void): Listener
  listen(port: number, onListening?: () => void): Listener
  listen(path: string, onListening?: () => void): Listener
}

/** What everybody may ask of a transport's options: their definitions, for documentation, and to parse some. */
export type OptionsReader<Definitions extends OptionDefinitions = OptionDefinitions> = Pick<
  OptionsSchema<Definitions>,
  'definitions' | 'parse' | 'parseArguments'
>

/** The draft's Transport: the only source of its two factories. Option errors throw from client() and server(), before any I/O. */
export interface Transport<
  ClientDefinitions extends OptionDefinitions = OptionDefinitions,
  ServerDefinitions extends OptionDefinitions = OptionDefinitions,
> {
  readonly name: string
  readonly clientOptions: OptionsReader<ClientDefinitions>
  readonly serverOptions: OptionsReader<ServerDefinitions>
  client(options: OptionsInput<ClientDefinitions>, settings?: FactorySettings): ClientFactory
  /**
   * Makes a Client Factory with the arguments of a bridge line. Arguments that the transport does not know are ignored, since real
   * bridge lines carry other programs' too. Throws PT_BRIDGE_LINE_INVALID for another transport's line.
   */
  clientFor(
    bridge: { readonly transport: string; readonly arguments: Arguments },
    settings?: FactorySettings,
  ): ClientFactory
  server(options: OptionsInput<ServerDefinitions>, settings?: FactorySettings): ServerFactory
}

/** What a transport's code is given: the world, and where events go. */
export interface Environment {
  readonly platform: Platform
  readonly log: Log
}

/** Where a connection goes. */
export interface Destination {
  /** What is dialled. */
  readonly address: Address
  /** The application server that the transport's server is asked for, by transports that carry one. */
  readonly target?: TcpAddress | undefined
}

/** One client's protocol: lives as long as its factory. */
export interface ClientProtocol<Options> {
  /**
   * Says where a connection really goes, of what connect() was told: its target, and what is dialled where an option names the server. Absent where
   * connections carry no target.
   */
  route?(options: Options, told: Destination): Destination
  /** Makes the codec of one connection, before it is dialled. */
  codec(options: Options, destination: Destination): Codec
  /**
   * Opens the stream under a connection's codec, where that takes more than to dial its address; the connection owns it. Rejects with what the
   * connection is to fail with. Absent where the platform's dialer does it.
   */
  dial?(destination: Destination, options: Options, signal: AbortSignal): Promise<ByteStream>
  /** Makes the codec of one peer's datagrams; absent where the transport has none of its own. */
  datagrams?(options: Options, destination: Destination): DatagramCodec
}

/** One server's protocol: opened when the first listener begins to listen, closed after the last has ended. */
export interface ServerProtocol {
  /** Whether its sessions have datagrams(): told before there is a session, so that listen() can refuse. */
  readonly hasDatagrams?: boolean
  open(): Promise<ServerSession>
}

/** Where a client comes from, of whom another server tells. */
export interface PeerAddress {
  /** An IPv4 or IPv6 address. */
  readonly remoteAddress: string
  readonly remotePort: number
}

/** Takes an accepted stream that is a tunnel, which from then on waits for room as one does that has no front; `peer` stands for its own address. */
export type Deliver = (stream: ByteStream, peer?: PeerAddress) => void

/** Stands before the codecs of a Listener: it tells tunnels from visitors of something else, and serves those itself, within limits of its own. */
export interface Front {
  /** Takes an accepted stream, which it owns; false where it is full, and the stream destroyed. */
  accept(stream: ByteStream): boolean
  /** Ends its visitors; what was delivered lives on. Resolves when all are closed. */
  close(): Promise<void>
}

export interface ServerSession {
  /** What clients need besides the address, for bridge lines and SMETHOD ARGS. */
  readonly clientArguments: Arguments
  /** What bridge lines and SMETHOD lines name in place of the bound address: where clients reach the server by other means. */
  readonly publicAddress?: TcpAddress | undefined
  codec(): Codec
  /** Makes what stands before the codecs of one Listener; absent where every accepted stream is a tunnel. */
  front?(deliver: Deliver): Front
  /** Makes the codec of one peer's datagrams. */
  datagrams?(): DatagramCodec
  /**
   * Names the session that a datagram says it is of, before anything about it is known to be true; undefined where it cannot be of any. Peers are then told apart by
   * this name instead of by their address, and followed to the address of the last datagram that their codec opened.
   */
  sessionKey?(datagram: Uint8Array): string | undefined
  close(): Promise<void>
}
