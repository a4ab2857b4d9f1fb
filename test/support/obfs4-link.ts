import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import type { Connection } from '../../src/core/connection.ts'
import type { Listener } from '../../src/core/listener.ts'
import type { ConnectOptions } from '../../src/core/transport.ts'
import { obfs4 } from '../../src/transports/obfs4/index.ts'

/** One bridge on loopback and a client that knows its line. */
export interface Obfs4Link {
  readonly listener: Listener
  readonly port: number
  connect(options?: ConnectOptions): Connection
}

/** Opens a link whose accepted connections go to `onConnection`; when the test ends, both ends of all of them are destroyed. */
export async function openObfs4Link(test: TestContext, onConnection: (socket: Connection) => void): Promise<Obfs4Link> {
  const listener = obfs4.server({}).listen({ host: '127.0.0.1', port: 0 })
  listener.on('connection', onConnection)
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const client = obfs4.client({ cert: listener.clientArguments.cert! })
  const opened = new Set<Connection>()
  test.after(async () => {
    for (const connection of opened) connection.destroy()
    const closed = once(listener, 'close')
    listener.close()
    listener.closeAllConnections()
    await closed
  })
  return {
    listener,
    port,
    connect(options) {
      const connection = client.connect({ host: '127.0.0.1', port, ...options })
      opened.add(connection)
      return connection
    },
  }
}
