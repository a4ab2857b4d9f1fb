import { once } from 'node:events'
import type { Listener } from '../core/listener.ts'
import type { TcpAddress } from '../core/platform.ts'
import type { Arguments, Logger } from '../core/transport.ts'
import { failureFields } from './failure-text.ts'
import type { Method } from './method.ts'

/** A transport at work on the server's side. */
export interface ServerMethod extends Method {
  /** What clients need besides the address. */
  readonly clientArguments: Arguments
  /** The address that the parent is told, where it is not the bound one. */
  readonly publicAddress: TcpAddress | undefined
}

/** What is open towards the application server, on behalf of clients. */
export interface Companions {
  /** Resolves once nothing is open. */
  empty(): Promise<void>
  /** Closes all; resolves when it is closed. */
  destroy(): Promise<void>
}

export interface ListenerMethodParameters {
  readonly listener: Listener
  readonly companions: Companions
  readonly logger: Logger
  /** Whether events may hold addresses. */
  readonly unsafeLogging: boolean
  /** Called when the listener has failed, after its event. */
  readonly onListenerFailed?: ((error: Error) => void) | undefined
}

/** Waits until a listener listens, and makes a method of it. Rejects with its error. */
export async function startListenerMethod(parameters: ListenerMethodParameters): Promise<ServerMethod> {
  const { listener, companions, logger, unsafeLogging } = parameters
  await once(listener, 'listening')
  listener.on('error', (error) => {
    logger.error?.('dispatcher:listener-failed', failureFields(error, unsafeLogging))
    parameters.onListenerFailed?.(error)
  })
  const closed = new Promise<void>((resolve) => {
    listener.once('close', resolve)
  })
  const drained = async (): Promise<void> => {
    await closed
    await companions.empty()
  }
  return {
    address: listener.address()!,
    clientArguments: listener.clientArguments,
    publicAddress: listener.publicAddress,
    close: async () => void listener.close(),
    drained,
    destroy: async () => {
      listener.close()
      listener.closeAllConnections()
      await companions.destroy()
      await drained()
    },
  }
}
