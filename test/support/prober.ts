import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import type { TestContext } from 'node:test'

/** What a prober has seen of a server so far. */
export interface Sight {
  byteCount: number
  /** When FIN came, by performance.now(). */
  endedAt: number | undefined
  /** A reset, or another failure of the socket. */
  failure: string | undefined
}

/**
 * Connects to 127.0.0.1:`port` with a bare socket, keeps its own side open, and watches. `ended` resolves at FIN, at a failure, and at
 * the first byte. Destroyed when the test ends.
 */
export async function startProber(
  test: TestContext,
  port: number,
): Promise<{ readonly socket: Socket; readonly sight: Sight; readonly ended: Promise<Sight> }> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  test.after(() => socket.destroy())
  const sight: Sight = { byteCount: 0, endedAt: undefined, failure: undefined }
  const ended = new Promise<Sight>((resolve) => {
    socket.on('data', (bytes) => {
      sight.byteCount += bytes.length
      resolve(sight)
    })
    socket.on('end', () => {
      sight.endedAt = performance.now()
      resolve(sight)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      sight.failure = error.code ?? error.message
      resolve(sight)
    })
  })
  await once(socket, 'connect')
  return { socket, sight, ended }
}
