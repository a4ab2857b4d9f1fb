import { once } from 'node:events'
import { type AddressInfo, type Socket, connect, createServer } from 'node:net'
import type { TestContext } from 'node:test'

/** What one connection through a relay carried. */
export interface Recording {
  readonly toServer: Buffer[]
  readonly toClient: Buffer[]
  /** What the client sent until the server's first byte: resolves when that comes. */
  readonly hello: Promise<Buffer>
}

export interface RecordingRelay {
  readonly port: number
  /** One for each connection, in the order of their arrival. */
  readonly recordings: readonly Recording[]
}

/** Relays TCP from a free port of loopback to 127.0.0.1:`targetPort`, and keeps all bytes. `onReply` is called before a server's first byte goes on. */
export async function startRecordingRelay(
  test: TestContext,
  targetPort: number,
  onReply: () => Promise<void> = () => Promise.resolve(),
): Promise<RecordingRelay> {
  const recordings: Recording[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ host: '127.0.0.1', port: targetPort, allowHalfOpen: true })
    recordings.push(relay(client, upstream, onReply))
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port, recordings }
}

function relay(client: Socket, upstream: Socket, onReply: () => Promise<void>): Recording {
  const toServer: Buffer[] = []
  const toClient: Buffer[] = []
  const hello = new Promise<Buffer>((resolve) => {
    upstream.once('data', () => resolve(Buffer.concat(toServer)))
  })
  client.on('data', (bytes) => {
    toServer.push(bytes)
    upstream.write(bytes)
  })
  let replied: Promise<void> | undefined
  upstream.on('data', (bytes) => {
    toClient.push(bytes)
    replied ??= onReply()
    void replied.then(() => client.write(bytes))
  })
  client.on('end', () => upstream.end())
  upstream.on('end', () => void (replied ?? Promise.resolve()).then(() => client.end()))
  client.on('error', () => upstream.destroy())
  upstream.on('error', () => client.destroy())
  return { toServer, toClient, hello }
}
