import type { Connection } from '../core/connection.ts'
import { missingOption } from '../core/options.ts'
import type { PacketConnection, PacketOptions } from '../core/packets.ts'
import type { TcpAddress } from '../core/platform.ts'
import type { Arguments, FactorySettings, Transport } from '../core/transport.ts'
import type { RequestedTransport } from '../ipc/config.ts'
import { SERVER_ADDRESS, takeServerAddress } from '../ipc/server-address.ts'

/** Delay in ms of the first keep-alive probe on an idle connection: one whose peer vanished does not stay for ever. */
export const KEEP_ALIVE_DELAY_MS = 60_000

/** Settings of every stream that a dispatcher opens or accepts. */
export const STREAM_SETTINGS = Object.freeze({
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
})

export interface RouteParameters {
  readonly transport: Transport
  readonly requested: RequestedTransport
  /** The PT server of -target. */
  readonly target: TcpAddress | undefined
  /** Whether applications say where to go, and bring arguments; if not, everything must be there from the start. */
  readonly perConnection: boolean
  readonly settings: FactorySettings
}

/** What an application asks for: a destination, and arguments of its connection. */
export interface RouteRequest {
  readonly destination?: TcpAddress
  readonly arguments?: Arguments
}

/** Chooses the PT server of each connection of one transport, and connects. */
export interface Route {
  /**
   * Begins a connection. Where the PT server is fixed, the destination is the target, for transports that carry one. Throws what ClientFactory.connect() throws, and PT_OPTION_INVALID for an argument serverAddress.
   */
  connect(request: RouteRequest): Connection
  /** Begins a connection for packets, whose PT server and arguments were all there from the start. Throws what ClientFactory.connectPackets() throws. */
  connectPackets(packets: PacketOptions): PacketConnection
  /** Throws when arguments do not suit the transport: an unknown name, a value that will not do, one that is missing. */
  check(args: Arguments): void
}

/**
 * Makes the route of a transport. The PT server is the first there is of: the connection's argument serverAddress, the option of that
 * name, -target, the destination. Throws the transport's PT_OPTION_* for its options.
 */
export function createRoute({ transport, requested, target, perConnection, settings }: RouteParameters): Route {
  const { serverAddress, rest } = takeServerAddress(requested.arguments)
  transport.clientOptions.parseArguments(rest, 'api', { unknown: 'reject' })
  const factory = transport.client(rest, { ...settings, optionsPerConnection: perConnection })
  const fixed = serverAddress ?? target
  if (fixed === undefined && !perConnection) throw missingOption(SERVER_ADDRESS, 'and no -target is given')

  return Object.freeze({
    connect(request: RouteRequest): Connection {
      const own = takeServerAddress(request.arguments ?? {})
      const server = own.serverAddress ?? fixed ?? request.destination
      if (server === undefined) throw missingOption(SERVER_ADDRESS)
      const target = server === request.destination ? undefined : request.destination
      return factory.connect({
        ...STREAM_SETTINGS,
        ...server,
        ...(target !== undefined && factory.hasTargets && { target }),
        arguments: own.rest,
      })
    },
    connectPackets(packets: PacketOptions): PacketConnection {
      if (fixed === undefined) throw missingOption(SERVER_ADDRESS)
      return factory.connectPackets({ ...STREAM_SETTINGS, ...packets, ...fixed })
    },
    check(args: Arguments): void {
      const own = takeServerAddress(args)
      transport.clientOptions.parseArguments(own.rest, 'connection', { unknown: 'reject' })
      factory.checkArguments(own.rest)
    },
  })
}
