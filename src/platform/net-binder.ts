import { type Server, type Socket, createServer } from 'node:net'
import type { Acceptor, Binder, BoundAddress, ByteStream, ListenAddress } from '../core/platform.ts'

interface Handlers {
  readonly onStream: (stream: ByteStream) => void
  readonly onError: (error: Error) => void
}

/** Failures of one accept() that leave the listening socket as good as before; net's servers go on after them too. */
const PASSING_CODES: ReadonlySet<string | undefined> = new Set([
  'ECONNABORTED',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
])

/** A listening net.Server. */
class NetAcceptor implements Acceptor {
  readonly address: BoundAddress
  readonly #server: Server

  constructor(server: Server, { onError }: Handlers) {
    // A server that listens has an address.
    this.address = server.address()!
    this.#server = server
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (PASSING_CODES.has(error.code) || !server.listening) return
      server.close()
      onError(error)
    })
  }

  async close(): Promise<void> {
    // The handle is closed, and the address free, when this returns. The callback is not waited for: it comes after the last
    // accepted stream has ended.
    if (this.#server.listening) this.#server.close()
  }

  ref(): void {
    this.#server.ref()
  }

  unref(): void {
    this.#server.unref()
  }
}

/** Binds with node:net. A UNIX socket file that is there already is EADDRINUSE, whether or not anybody listens on it, as in net. */
export const netBinder: Binder = Object.freeze({
  bind: (address: ListenAddress, handlers: Handlers): Promise<Acceptor> =>
    new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
      server.on('connection', (socket: Socket) => {
        // In a cluster the primary may hand on one more after close().
        if (server.listening) handlers.onStream(socket)
        else socket.destroy()
      })
      server.once('error', reject)
      server.listen({ ...address }, () => {
        server.off('error', reject)
        resolve(new NetAcceptor(server, handlers))
      })
    }),
})
