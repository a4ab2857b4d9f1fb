import type { Connection } from '../core/connection.ts'
import { DEFAULT_LIMITS } from '../core/limits.ts'
import type { ByteStream, ListenAddress, Platform } from '../core/platform.ts'
import type { Logger } from '../core/transport.ts'
import { relay } from '../proxy/relay.ts'
import { StreamSet } from '../proxy/stream-set.ts'
import { FailureStreak } from './failure-streak.ts'
import { failureFields } from './failure-text.ts'
import type { Method } from './method.ts'

export interface TransparentTcpParameters {
  readonly platform: Pick<Platform, 'binder' | 'clock'>
  readonly address: ListenAddress
  /** Begins the connection of one application. */
  readonly connect: () => Connection
  readonly logger: Logger
  /** Whether events may hold addresses. */
  readonly unsafeLogging: boolean
  /** Applications beyond which newcomers are closed at once; 65,536. */
  readonly maxConnections?: number
  /** Called when the listener has failed, after its event. */
  readonly onListenerFailed?: (error: Error) => void
}

/**
 * Listens for applications whose bytes go to one PT server, without a word of any proxy protocol (PT 3.0 §2, Transparent TCP). Where the
 * connection fails the application sees a reset. Rejects when the address cannot be bound.
 */
export async function startTransparentTcp(parameters: TransparentTcpParameters): Promise<Method> {
  const { platform, address, logger, unsafeLogging } = parameters
  const maxConnections = parameters.maxConnections ?? DEFAULT_LIMITS.maxConnections
  const applications = new StreamSet()
  const connections = new StreamSet()
  const failures = new FailureStreak('dispatcher:connect-failed', logger)

  const onStream = (application: ByteStream): void => {
    application.on('error', () => {})
    if (applications.size >= maxConnections) {
      application.destroy()
      return
    }
    applications.add(application)
    application.setNoDelay?.(true)
    const connection = parameters.connect()
    connections.add(connection)
    const onClose = (): void => void connection.destroy()
    application.once('close', onClose)
    const onFailure = (error: Error): void => {
      failures.failed(failureFields(error, unsafeLogging))
      reset(application)
    }
    connection.once('error', onFailure)
    connection.once('connect', () => {
      failures.succeeded()
      application.off('close', onClose)
      connection.off('error', onFailure)
      void relay(application, connection, { clock: platform.clock })
    })
  }
  const onError = (error: Error): void => {
    logger.error?.('dispatcher:listener-failed', failureFields(error, unsafeLogging))
    parameters.onListenerFailed?.(error)
  }

  const acceptor = await platform.binder.bind(address, { onStream, onError })
  const drained = async (): Promise<void> => {
    await Promise.all([applications.empty(), connections.empty()])
  }
  return {
    address: acceptor.address,
    close: () => acceptor.close(),
    drained,
    destroy: async () => {
      await acceptor.close()
      await Promise.all([applications.destroy(), connections.destroy()])
    },
  }
}

function reset(stream: ByteStream): void {
  if (stream.resetAndDestroy === undefined) stream.destroy()
  else stream.resetAndDestroy()
}
