import type { Duplex } from 'node:stream'
import type { BoundAddress, ListenAddress, Platform, TcpAddress } from '../core/platform.ts'
import type { Arguments, Logger } from '../core/transport.ts'

/** What a SOCKS client asks for. */
export interface SocksRequest {
  /** The destination as the client gave it: an address or a name that nobody has looked up. */
  readonly destination: TcpAddress
  /** The per-connection arguments; empty when there are none. */
  readonly arguments: Arguments
  /** How the arguments came. Unknown names are an error in 'json' and ignored in 'pairs'. */
  readonly form: 'pairs' | 'json'
}

/** A connection under way or made, as a ClientFactory gives it: 'connect' is emitted once it is there, 'error' if it fails. */
export type Connecting = Duplex & { readonly connecting: boolean }

export interface SocksServerParameters {
  readonly platform: Pick<Platform, 'binder' | 'clock'>
  /** Where to listen. */
  readonly address: ListenAddress
  /**
   * Begins the connection that a client asked for, with allowHalfOpen. It may throw: PT_OPTION_* from arguments in JSON is answered
   * by 0x13, everything else by the reply that fits. The server owns the result.
   */
  readonly connect: (request: SocksRequest) => Connecting
  /** Throws when a JSON parameter block does not suit the transport; it is then answered before the request has come. */
  readonly checkParameters?: (parameters: Arguments) => void
  /** Hears of each failure: a code, never an address or an argument. */
  readonly logger?: Logger
  /** Called once when the listener fails by itself; connections go on. */
  readonly onError?: (error: Error) => void
  /** Limit of a request, from accept to its last byte; 10 s. */
  readonly requestTimeoutMs?: number
  /** How long a relay with one direction ended goes on without a byte; 60 s. */
  readonly lingerMs?: number
  /** Clients beyond which newcomers are closed at once; 65,536. */
  readonly maxConnections?: number
}

/** A SOCKS4, SOCKS4a and SOCKS5 listener at work. */
export interface SocksServer {
  /** The address really bound. */
  readonly address: BoundAddress
  /** Clients whose connection is not closed. */
  readonly connectionCount: number
  /** Stops accepting; connections go on. */
  close(): Promise<void>
  /** Resolves once no client is left; meaningful after close(). */
  drained(): Promise<void>
  /** Stops accepting and destroys every connection; resolves when all are closed. */
  destroy(): Promise<void>
}
