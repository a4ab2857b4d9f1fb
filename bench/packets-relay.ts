// A relay of packets without a transport, in a process of plain Node: a socket of its own towards the next hop for each sender, and nothing
// else. What node:dgram and the kernel cost a PT process before it has done anything.
import { type Socket, createSocket } from 'node:dgram'

const { port: nextPort } = JSON.parse(process.env.PARAMETERS!) as { readonly port: number }

const HOST = '127.0.0.1'
/** As much as ptkit asks for. */
const BUFFER_LENGTH = 1_048_576

function openSocket(): Socket {
  return createSocket({
    type: 'udp4',
    recvBufferSize: BUFFER_LENGTH,
    sendBufferSize: BUFFER_LENGTH,
    lookup: (address, _options, callback) => callback(null, address, 4),
  })
}

const near = openSocket()
const farSockets = new Map<number, Socket>()

function connectFar(senderPort: number, first: Buffer): void {
  const far = openSocket()
  far.on('error', () => {})
  far.on('message', (packet) => near.send(packet, senderPort, HOST))
  far.connect(nextPort, HOST, () => {
    farSockets.set(senderPort, far)
    far.send(first)
  })
}

near.on('message', (packet, { port }) => {
  const far = farSockets.get(port)
  if (far === undefined) connectFar(port, packet)
  else far.send(packet)
})
near.bind(0, HOST, () => process.send!({ port: near.address().port }))
process.on('disconnect', () => process.exit())
