import type { Duplex } from 'node:stream'
import type { BoundAddress, ByteStream, ListenAddress, Platform } from '../core/platform.ts'
import type { Arguments, Logger } from '../core/transport.ts'
import type { SocksRequest } from './socks-negotiation.ts'
import { SocksSession } from './socks-session.ts'
import { StreamSet } from './stream-set.ts'

const MAX_CONNECTIONS = 65_536

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
  readonly checkParameters?: ((parameters: Arguments) => void) | undefined
  /** Hears of each failure: a reason and a code, never an address or an argument. */
  readonly logger?: Logger | undefined
  /** Called once when the listener fails by itself; connections go on. */
  readonly onError?: ((error: Error) => void) | undefined
  /** Limit of a request, from accept to its last byte; 10 s. */
  readonly requestTimeoutMs?: number | undefined
  /** How long a relay with one direction ended goes on without a byte; 60 s. */
  readonly lingerMs?: number | undefined
  /** Clients beyond which newcomers are closed at once; 65,536. */
  readonly maxConnections?: number | undefined
}

/** A SOCKS4, SOCKS4a and SOCKS5 listener at work. */
export interface SocksServer {
  /** The address really bound. */
  readonly address: BoundAddress
  /** Clients whose stream is not closed. */
  readonly connectionCount: number
  /** Stops accepting; connections go on. */
  close(): Promise<void>
  /** Resolves once no stream of a client or to a PT server is left; meaningful after close(). */
  drained(): Promise<void>
  /** Stops accepting and destroys every stream; resolves when all are closed. */
  destroy(): Promise<void>
}

/**
 * Listens for SOCKS clients of all versions, connects each where it asks, and relays. Every failure ends in the reply that fits it.
 * Rejects with the binder's error.
 */
export async function listenSocks(parameters: SocksServerParameters): Promise<SocksServer> {
  const { platform, logger } = parameters
  const clients = new StreamSet()
  const connections = new StreamSet()
  const session = {
    ...parameters,
    clock: platform.clock,
    onConnecting: (connection: Connecting) => connections.add(connection),
  }
  const acceptor = await platform.binder.bind(parameters.address, {
    onStream(stream: ByteStream) {
      if (clients.size >= (parameters.maxConnections ?? MAX_CONNECTIONS)) {
        logger?.warn?.('socks:full', {})
        stream.destroy()
        return
      }
      clients.add(stream)
      void new SocksSession(stream, session)
    },
    onError: (error) => parameters.onError?.(error),
  })
  const drained = async (): Promise<void> => {
    await Promise.all([clients.empty(), connections.empty()])
  }
  return {
    address: acceptor.address,
    get connectionCount() {
      return clients.size
    },
    close: () => acceptor.close(),
    drained,
    async destroy() {
      await acceptor.close()
      await Promise.all([clients.destroy(), connections.destroy()])
      await drained()
    },
  }
}
