import type { PacketConnection } from '../core/packets.ts'
import type { Platform, UdpAddress } from '../core/platform.ts'
import type { Logger } from '../core/transport.ts'
import { UdpPool } from '../proxy/udp-pool.ts'
import { FailureStreak } from './failure-streak.ts'
import { failureFields } from './failure-text.ts'
import { createFramingWatch } from './framing-watch.ts'
import type { Method } from './method.ts'

export interface PacketsClientParameters {
  readonly platform: Pick<Platform, 'datagrams' | 'clock'>
  readonly address: UdpAddress
  /** Says whether the mode carries a packet. */
  readonly accepts: (packet: Uint8Array) => boolean
  /** Begins the connection of one application. */
  readonly connect: () => PacketConnection
  /** How long a connection is kept without a packet either way, in ms. */
  readonly idleTimeoutMs: number
  readonly logger: Logger
  /** Whether events may hold addresses. */
  readonly unsafeLogging: boolean
  /** Applications beyond which packets of newcomers are dropped; 4,096. */
  readonly maxApplications?: number
}

/**
 * Listens on UDP for applications whose packets go to one PT server, each application by a connection of its own (PT 3.0 §1.5.3). Rejects
 * when the address cannot be bound.
 */
export async function startPacketsClient(parameters: PacketsClientParameters): Promise<Method> {
  const { platform, address, idleTimeoutMs, logger, unsafeLogging, maxApplications } = parameters
  const connects = new FailureStreak('dispatcher:connect-failed', logger)
  const watchFraming = createFramingWatch(logger)
  const pool = new UdpPool({
    clock: platform.clock,
    idleTimeoutMs,
    accepts: parameters.accepts,
    connect: () => {
      const connection = parameters.connect()
      connection.once('connect', () => connects.succeeded())
      watchFraming(connection)
      return connection
    },
    reply: (packet, application) => socket.send(packet, { host: application.address, port: application.port }),
    onConnectFailure: (error) => {
      connects.failed(failureFields(error, unsafeLogging))
    },
    onFull: () => {
      logger.warn?.('dispatcher:applications-full', {})
    },
    ...(maxApplications !== undefined && { maxEntries: maxApplications }),
  })
  const socket = await platform.datagrams.bind(address, {
    onMessage: (packet, application) => pool.receive(packet, application),
    onError: (error) => {
      logger.error?.('dispatcher:listener-failed', failureFields(error, unsafeLogging))
      void pool.destroy()
    },
  })

  // Applications go on by the same socket: it is closed after the last of them.
  const drained = async (): Promise<void> => {
    await pool.drained()
    await socket.close()
  }
  return {
    address: socket.address,
    close: async () => {
      pool.close()
      void drained()
    },
    drained,
    destroy: async () => {
      await pool.destroy()
      await socket.close()
    },
  }
}
