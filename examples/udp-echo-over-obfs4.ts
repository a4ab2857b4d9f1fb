// Carries UDP through obfs4, both ends in this process: an application's datagrams go in at one port, an echo server's answers come back there.
import { type RemoteInfo, createSocket } from 'node:dgram'
import { once } from 'node:events'
import { obfs4 } from 'pluggable-transports/obfs4'

const HOST = '127.0.0.1'
const WORDS = ['one', 'two', 'three']

// The application server: it echoes datagrams, and knows nothing of obfs4.
const echo = createSocket('udp4')
echo.on('message', (packet, { port, address }) => echo.send(packet, port, address))
await once(echo.bind(0, HOST), 'listening')

// The PT server: each client that got through has a UDP socket of its own towards the application server.
const listener = obfs4.server({}).listen({ host: HOST, port: 0, packets: true })
listener.on('packets', (client) => {
  const socket = createSocket('udp4')
  socket.connect(echo.address().port, HOST)
  socket.on('message', (packet) => client.send(packet))
  client.on('close', () => socket.close())
  // What a client does wrong ends its connection, and a refusal of the echo server costs a packet: unheard, either would end the process.
  client.on('error', () => {})
  socket.on('error', () => {})
  socket.once('connect', () => client.on('message', (packet) => socket.send(packet)))
})
await once(listener, 'listening')
const bridge = listener.address() as { port: number }

// The PT client: an application sends to its port, and one packet connection carries what it sends.
const tunnel = obfs4
  .client({ cert: listener.clientArguments['cert']! })
  .connectPackets({ host: HOST, port: bridge.port })
const entrance = createSocket('udp4')
let application: RemoteInfo | undefined
// 'close' follows: an application would connect anew.
tunnel.on('error', (error) => console.error(error.message))
entrance.on('message', (packet, from) => {
  application = from
  tunnel.send(packet)
})
tunnel.on('message', (packet) => {
  if (application !== undefined) entrance.send(packet, application.port, application.address)
})
await once(entrance.bind(0, HOST), 'listening')
// What arrives before the connection is queued, and dropped past a limit; here the application waits.
await once(tunnel, 'connect')

// The application.
const socket = createSocket('udp4')
for (const word of WORDS) {
  socket.send(word, entrance.address().port, HOST)
  const [answer] = (await once(socket, 'message')) as [Buffer]
  console.log(answer.toString())
}
const { sent, received } = tunnel.counters
console.log(`${sent} packets sent, ${received} received`)

socket.close()
entrance.close()
tunnel.close()
listener.close(() => echo.close())
