import { once } from 'node:events'
import { type AddressInfo, type Socket, createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { type ArrivalQueue, createArrivalQueue } from './arrivals.ts'

export interface ApplicationServer {
  readonly port: number
  readonly arrivals: ArrivalQueue<Socket>
}

/** Listens on a free port of loopback as the application behind a PT server. Its sockets are half-open, and destroyed when the test ends. */
export async function startApplicationServer(test: TestContext): Promise<ApplicationServer> {
  const arrivals = createArrivalQueue<Socket>()
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    arrivals.add(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port, arrivals }
}
