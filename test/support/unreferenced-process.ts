// Holds an open connection, both ends of it, and a listener. Nothing keeps the process alive once they are unreferenced.
import type { AddressInfo } from 'node:net'
import { obfs4 } from 'pluggable-transports/obfs4'

const { keep } = JSON.parse(process.env.PARAMETERS!) as { readonly keep?: 'connection' | 'listener' }
process.channel!.unref()

const listener = obfs4.server({}).listen({ host: '127.0.0.1', port: 0 })
listener.on('connection', (socket) => socket.unref())
listener.on('listening', () => {
  const { port } = listener.address() as AddressInfo
  const socket = obfs4.client({ cert: listener.clientArguments.cert! }).connect({ host: '127.0.0.1', port })
  socket.on('connect', () => {
    if (keep !== 'connection') socket.unref()
    if (keep !== 'listener') listener.unref()
    process.send!('unreferenced')
  })
})
