import type { Connection } from '../core/connection.ts'
import type { Clock, TcpAddress } from '../core/platform.ts'
import type { Logger, ServerFactory } from '../core/transport.ts'
import { relay } from '../proxy/relay.ts'
import { StreamSet } from '../proxy/stream-set.ts'
import type { ApplicationDialer } from './application.ts'
import { failureFields } from './failure-text.ts'
import { type ServerMethod, startListenerMethod } from './listener-method.ts'
import { KEEP_ALIVE_DELAY_MS, STREAM_SETTINGS } from './route.ts'

export interface ServerMethodParameters {
  readonly factory: ServerFactory
  readonly bind: TcpAddress & { readonly ipv6Only?: boolean }
  readonly dialApplication: ApplicationDialer
  readonly clock: Clock
  readonly logger: Logger
  /** Whether events may hold addresses. */
  readonly unsafeLogging: boolean
  /** Open connections beyond which newcomers wait unserved; 65,536. */
  readonly maxConnections?: number
  /** Called when the listener has failed, after its event. */
  readonly onListenerFailed?: (error: Error) => void
}

/**
 * Listens for clients of one transport and relays each to the application server. A client whose application server cannot be reached is
 * let go. Rejects with the listener's error.
 */
export async function startServerMethod(parameters: ServerMethodParameters): Promise<ServerMethod> {
  const { factory, bind, dialApplication, clock, logger, unsafeLogging, maxConnections } = parameters
  const streams = new StreamSet()

  const serve = async (connection: Connection): Promise<void> => {
    const ending = new AbortController()
    const onClose = (): void => ending.abort(new Error('the client has left'))
    const onError = (): void => {}
    connection.once('close', onClose).on('error', onError)
    try {
      const application = await dialApplication(connection, ending.signal)
      streams.add(application)
      application.setNoDelay?.(true)
      application.setKeepAlive?.(true, KEEP_ALIVE_DELAY_MS)
      connection.off('close', onClose).off('error', onError)
      await relay(application, connection, { clock })
    } catch (error) {
      if (!ending.signal.aborted) {
        const client = unsafeLogging && { client: connection.remoteAddress, clientPort: connection.remotePort }
        logger.warn?.('dispatcher:application-failed', { ...failureFields(error, unsafeLogging), ...client })
      }
      connection.destroy()
    }
  }

  const listener = factory.listen({
    ...STREAM_SETTINGS,
    ...bind,
    ...(maxConnections !== undefined && { maxConnections }),
  })
  listener.on('connection', (connection) => void serve(connection))
  const { onListenerFailed } = parameters
  return startListenerMethod({ listener, companions: streams, logger, unsafeLogging, onListenerFailed })
}
