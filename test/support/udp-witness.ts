import { type Socket, createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { TestContext } from 'node:test'

/** What stands before an application server, sees every packet, and is all that the server sees. */
export interface UdpWitness {
  readonly port: number
  /** The port under which the server sees each source, by the source's port. */
  readonly sources: ReadonlyMap<number, number>
  /** In the order of their arrival. */
  readonly toServer: readonly Buffer[]
  readonly toClient: readonly Buffer[]
}

/** Relays UDP from a free port of loopback to 127.0.0.1:`targetPort`, from a socket of its own for each source. */
export async function startUdpWitness(test: TestContext, targetPort: number): Promise<UdpWitness> {
  const toServer: Buffer[] = []
  const toClient: Buffer[] = []
  const sources = new Map<number, number>()
  const upstreams = new Map<number, Promise<Socket>>()
  const sockets: Socket[] = []

  const open = async (): Promise<Socket> => {
    const socket = createSocket('udp4')
    sockets.push(socket)
    // A refusal by ICMP, where a packet comes for a server that has ended.
    socket.on('error', () => {})
    await once(socket.bind(0, '127.0.0.1'), 'listening')
    return socket
  }
  const front = await open()
  const openUpstream = async (source: number): Promise<Socket> => {
    const upstream = await open()
    sources.set(source, upstream.address().port)
    upstream.on('message', (packet) => {
      toClient.push(packet)
      front.send(packet, source, '127.0.0.1')
    })
    return upstream
  }
  front.on('message', (packet, { port }) => {
    toServer.push(packet)
    const upstream = upstreams.get(port) ?? openUpstream(port)
    upstreams.set(port, upstream)
    void upstream.then((socket) => socket.send(packet, targetPort, '127.0.0.1'))
  })
  test.after(() => {
    for (const socket of sockets) socket.close()
  })
  return { port: front.address().port, sources, toServer, toClient }
}
