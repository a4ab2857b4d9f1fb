import { DEFAULT_LIMITS } from '../core/limits.ts'
import type { BoundAddress, ByteStream, ListenAddress, Platform } from '../core/platform.ts'
import { type Connecting, SocksSession, type SocksService } from './socks-session.ts'
import { StreamSet } from './stream-set.ts'

export interface SocksServerParameters extends SocksService {
  readonly platform: Pick<Platform, 'binder' | 'clock'>
  /** Where to listen. */
  readonly address: ListenAddress
  /** Called once when the listener fails by itself; connections go on. */
  readonly onError?: ((error: Error) => void) | undefined
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
      if (clients.size >= (parameters.maxConnections ?? DEFAULT_LIMITS.maxConnections)) {
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
