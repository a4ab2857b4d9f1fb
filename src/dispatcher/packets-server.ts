import type { PacketConnection, PacketOptions } from '../core/packets.ts'
import type { Clock, TcpAddress } from '../core/platform.ts'
import type { Logger, ServerFactory } from '../core/transport.ts'
import { type PacketRelayOptions, relayPackets } from '../proxy/packet-relay.ts'
import { FailureStreak } from './failure-streak.ts'
import { type FailureFields, failureFields } from './failure-text.ts'
import { createFramingWatch } from './framing-watch.ts'
import { type ServerMethod, startListenerMethod } from './listener-method.ts'
import { STREAM_SETTINGS } from './route.ts'

export interface PacketsServerParameters {
  readonly factory: ServerFactory
  readonly bind: TcpAddress
  /** How clients' packets travel. */
  readonly packets: PacketOptions
  /** Opens the socket towards the application server, for one client. */
  readonly openApplication: PacketRelayOptions['open']
  readonly clock: Clock
  /** How long a client is kept without a packet either way, in ms. */
  readonly idleTimeoutMs: number
  readonly logger: Logger
  /** Whether events may hold addresses. */
  readonly unsafeLogging: boolean
  /** Open connections beyond which newcomers wait unserved; 65,536. */
  readonly maxConnections?: number
}

/** What the system refuses a packet with for the packet's own sake, or for want of room: it says nothing about the application server. */
const PACKET_CODES: ReadonlySet<string | undefined> = new Set(['EMSGSIZE', 'ENOBUFS'])

/**
 * Listens for clients of one transport and relays the packets of each by a UDP socket of its own, so that the application server tells
 * clients apart (PT 3.0 §1.5.5). A client whose socket cannot be had is let go. Rejects with the listener's error.
 */
export async function startPacketsServer(parameters: PacketsServerParameters): Promise<ServerMethod> {
  const { factory, bind, packets, clock, idleTimeoutMs, openApplication, maxConnections } = parameters
  const { logger, unsafeLogging } = parameters
  const relays = new Set<Promise<void>>()
  const watchFraming = createFramingWatch(logger)
  const refusals = new FailureStreak('dispatcher:packet-refused', logger)

  const open: PacketRelayOptions['open'] = ({ onMessage, onError }, signal) => {
    const onAnswer: typeof onMessage = (datagram, source) => {
      refusals.succeeded()
      onMessage(datagram, source)
    }
    return openApplication({ onMessage: onAnswer, onError }, signal)
  }

  const serve = async (connection: PacketConnection): Promise<void> => {
    const fieldsOf = (error: unknown): FailureFields => ({
      ...failureFields(error, unsafeLogging),
      ...(unsafeLogging && clientOf(connection)),
    })
    try {
      await relayPackets(connection, {
        clock,
        idleTimeoutMs,
        open,
        onRefused: (error) => {
          const fields = fieldsOf(error)
          if (PACKET_CODES.has(fields.code)) logger.debug?.('dispatcher:packet-refused', fields)
          else refusals.failed(fields)
        },
      })
    } catch (error) {
      logger.warn?.('dispatcher:application-failed', fieldsOf(error))
    }
  }

  const listener = factory.listen({
    ...STREAM_SETTINGS,
    ...bind,
    packets,
    ...(maxConnections !== undefined && { maxConnections }),
  })
  listener.on('packets', (connection) => {
    watchFraming(connection)
    const served = serve(connection)
    relays.add(served)
    void served.then(() => relays.delete(served))
  })
  const empty = async (): Promise<void> => void (await Promise.all(relays))
  return startListenerMethod({ listener, companions: { empty, destroy: empty }, logger, unsafeLogging })
}

function clientOf(connection: PacketConnection): object {
  try {
    const { address, port } = connection.remoteAddress()
    return { client: address, clientPort: port }
  } catch {
    // It has gone, and its address with it.
    return {}
  }
}
