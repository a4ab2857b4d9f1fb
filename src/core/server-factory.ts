import { errorMonitor } from 'node:events'
import { Connection } from './connection.ts'
import { DatagramAcceptor } from './datagram-acceptor.ts'
import { logDatagrams } from './datagram-packets.ts'
import { PtError } from './errors.ts'
import { DEFAULT_LIMITS, SERVER_HANDSHAKE_TIMEOUT_MS, resolveLimits, wholeNumber } from './limits.ts'
import { Listener, type ListenerParameters } from './listener.ts'
import type { PacketFraming, PacketFramings } from './packet-framing.ts'
import { type PacketSettings, resolveListenPackets } from './packet-settings.ts'
import type { PacketConnection } from './packets.ts'
import type { ListenAddress } from './platform.ts'
import { StreamPackets } from './stream-packets.ts'
import { normalizeListen } from './target.ts'
import { codeOf, packetTrafficOf, trafficOf } from './traffic.ts'
import type {
  Environment,
  FactorySettings,
  ListenOptions,
  ServerFactory,
  ServerProtocol,
  ServerSession,
} from './transport.ts'

export interface ServerFactoryParameters {
  readonly transport: string
  readonly protocol: ServerProtocol
  readonly environment: Environment
  readonly settings: FactorySettings
  readonly framings: PacketFramings
}

/** Makes a Server Factory from a protocol. All its listeners share one session: one state, one replay filter. */
export function createServerFactory(parameters: ServerFactoryParameters): ServerFactory {
  const { transport, protocol, environment, settings, framings } = parameters
  const { platform, log } = environment
  const limits = resolveLimits(settings)
  const session = new SharedSession(protocol)
  /** Connections whose packets tell of their end. */
  const carriers = new WeakSet<Connection>()

  function packetSettingsOf(given: ListenOptions['packets']): PacketSettings | undefined {
    if (given === undefined) return undefined
    const hasDatagrams = protocol.hasDatagrams === true
    return resolveListenPackets(given, { transport, hasDatagrams, role: 'server' })
  }

  function streamPackets(connection: Connection, framing: PacketFraming, settings: PacketSettings): PacketConnection {
    const packets = new StreamPackets({
      connection,
      framing,
      limits: settings.limits,
      clock: platform.clock,
      lingerMs: limits.lingerMs,
    })
    carriers.add(connection)
    packets.once('close', () => log('connection:close', packetTrafficOf(connection, packets, 'server')))
    return packets
  }

  /** Makes what binds UDP in place of TCP. Throws PT_ADDRESS_INVALID or PT_OPTION_INVALID. */
  function datagramBinder(address: ListenAddress, packets: PacketSettings): ListenerParameters['bindDatagrams'] {
    if ('path' in address) throw new PtError('PT_ADDRESS_INVALID', 'Datagrams come to a host and port, not to a path')
    if (address.ipv6Only === true) throw new PtError('PT_OPTION_INVALID', 'Option "ipv6Only" is not for datagrams')
    return (opened, { onPackets, ...handlers }) => {
      const parameters = {
        datagrams: platform.datagrams,
        address,
        createCodec: () => opened.datagrams!(),
        sessionKey: opened.sessionKey && ((datagram: Uint8Array) => opened.sessionKey!(datagram)),
        limits: packets.limits,
        clock: platform.clock,
        lingerMs: limits.lingerMs,
        unsafeLogging: limits.unsafeLogging,
      }
      return DatagramAcceptor.bind(parameters, {
        ...handlers,
        onPackets: (peer) => {
          logDatagrams(peer, 'server', log)
          onPackets(peer)
        },
      })
    }
  }

  return {
    transport,
    listen(...args: unknown[]): Listener {
      const { options, address, listener: onListening } = normalizeListen(args)
      const most = Number.MAX_SAFE_INTEGER
      const packets = packetSettingsOf(options.packets)
      const datagrams = packets?.framing === 'datagrams' ? datagramBinder(address, packets) : undefined
      const framing = packets && packets.framing !== 'datagrams' ? framings[packets.framing] : undefined
      const listener = new Listener({
        transport,
        binder: platform.binder,
        address,
        log,
        limits: {
          maxConnections: wholeNumber('maxConnections', options.maxConnections, 1, most),
          maxHandshakes: wholeNumber('maxHandshakes', options.maxHandshakes, 1, most),
          backlog: options.backlog ?? DEFAULT_LIMITS.backlog,
        },
        unsafeLogging: limits.unsafeLogging,
        signal: options.signal,
        openSession: () => session.acquire(),
        closeSession: () => session.release(),
        createConnection: (opened, { stream, peer }, { onEstablished, onRefused }) => {
          return new Connection({
            ...limits,
            handshakeTimeoutMs: SERVER_HANDSHAKE_TIMEOUT_MS,
            codec: opened.codec(),
            clock: platform.clock,
            source: stream,
            peer,
            allowHalfOpen: packets === undefined && options.allowHalfOpen,
            noDelay: options.noDelay ?? (packets === undefined ? undefined : true),
            keepAlive: options.keepAlive,
            keepAliveInitialDelay: options.keepAliveInitialDelay,
            onRefused,
            onEstablished: (connection) => {
              log('connection:open', { role: 'server' })
              connection.once('close', () => {
                if (!carriers.has(connection)) log('connection:close', trafficOf(connection, 'server'))
              })
              connection.once(errorMonitor, (error: Error) =>
                log('connection:error', { role: 'server', ...codeOf(error) }),
              )
              onEstablished(connection)
            },
          })
        },
        packetsOver: framing && packets && ((connection) => streamPackets(connection, framing, packets)),
        bindDatagrams: datagrams,
      })
      if (onListening !== undefined) listener.once('listening', onListening)
      return listener
    },
  }
}

/** A protocol's session: opened for the first that acquires it, closed after the last has released it. */
class SharedSession {
  readonly #protocol: ServerProtocol
  #users = 0
  #session: Promise<ServerSession> | undefined
  #closing: Promise<unknown> = Promise.resolve()

  constructor(protocol: ServerProtocol) {
    this.#protocol = protocol
  }

  async acquire(): Promise<ServerSession> {
    this.#users += 1
    this.#session ??= this.#closing.then(() => this.#protocol.open())
    const session = this.#session
    try {
      return await session
    } catch (error) {
      this.#users -= 1
      // Another may have begun anew since.
      if (this.#session === session) this.#session = undefined
      throw error
    }
  }

  async release(): Promise<void> {
    this.#users -= 1
    if (this.#users > 0) return
    const session = this.#session
    this.#session = undefined
    const closed = session?.then((opened) => opened.close())
    this.#closing = closed?.catch(() => {}) ?? this.#closing
    await closed
  }
}
