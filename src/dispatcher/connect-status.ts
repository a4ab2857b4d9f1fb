import type { Connection } from '../core/connection.ts'
import type { LineWriter } from '../ipc/line-writer.ts'
import { failureFields } from './failure-text.ts'

/** Tells the parent by a STATUS line, without any address, whether a client's connection got through (PT 1.0 §3.3.5). */
export function tellConnectStatus(connection: Connection, transport: string, lines: LineWriter): void {
  const onConnect = (): void => {
    connection.off('error', onError)
    // Once the application has its reply.
    setImmediate(() => lines.status(transport, { CONNECT: 'Success' }))
  }
  const onError = (error: Error): void => {
    connection.off('connect', onConnect)
    tellFailure(error, transport, lines)
  }
  connection.once('connect', onConnect)
  connection.once('error', onError)
}

/** Runs what comes before a dial; tells the parent in the same way if it throws, and passes that on. */
export function tellIfRefused<Result>(attempt: () => Result, transport: string, lines: LineWriter): Result {
  try {
    return attempt()
  } catch (error) {
    tellFailure(error, transport, lines)
    throw error
  }
}

function tellFailure(error: unknown, transport: string, lines: LineWriter): void {
  const { code } = failureFields(error, false)
  lines.status(transport, { CONNECT: 'Failed', ...(code !== undefined && { ERRSTR: code }) })
}
