import { once } from 'node:events'
import { createSocket } from 'node:dgram'
import { type Server, type Socket, connect, createServer } from 'node:net'
import process from 'node:process'
import { startPtkitClient } from './ptkit-process.ts'
import { readExactly } from './read-exactly.ts'

// Runs in a network namespace of its own, where every way around the proxy ends in a trap: a resolver that never answers and a bridge that
// only counts. Prints one line of JSON: the SOCKS replies of a client with the proxy of PROXY, and what the traps caught.

const BRIDGE_HOST = '127.0.0.9'
const BRIDGE_PORT = 443
const PROXY_HOST = '127.0.0.8'
const PROXY_PORT = 3128
const REPLY_LENGTH = 10
const ANSWER_LIMIT_MS = 5_000

const caught = { queryCount: 0, connectionCount: 0 }
let proxied = ''

const resolver = createSocket('udp4', () => {
  caught.queryCount++
})
resolver.bind(53, '127.0.0.1')
await once(resolver, 'listening')

async function listen(host: string, port: number, onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    onConnection(socket)
  })
  server.listen(port, host)
  await once(server, 'listening')
  return server
}

await listen(BRIDGE_HOST, BRIDGE_PORT, (socket) => {
  caught.connectionCount++
  socket.destroy()
})
const scene = process.env['SCENE']
if (scene === 'closing') {
  await listen(PROXY_HOST, PROXY_PORT, (socket) => {
    socket.once('data', (bytes: Buffer) => {
      proxied += bytes.toString('latin1')
      socket.destroy()
    })
  })
}

const cleanUps: (() => Promise<void>)[] = []
const proxy = { TOR_PT_PROXY: `${process.env['SCHEME'] ?? 'http'}://${PROXY_HOST}:${PROXY_PORT}` }
const owner = { after: (cleanUp: () => Promise<void>) => void cleanUps.push(cleanUp) }
// Undefined when the client does not start, as it must not with a proxy that it cannot use.
const client = await startPtkitClient(owner, process.env['STATE']!, scene === 'none' ? {} : proxy).catch(
  () => undefined,
)

/** Asks for a destination and resolves with the reply's code, or with -1 when none comes in time. */
async function ask(destination: Buffer): Promise<number> {
  if (client === undefined) return -1
  const socket = connect({ host: '127.0.0.1', port: client.socksPort })
  socket.on('error', () => {})
  const args = Buffer.from(process.env['ARGUMENTS']!)
  const user = args.subarray(0, 255)
  const authentication = [Buffer.of(1, user.length), user, Buffer.of(1, 0)]
  socket.write(Buffer.concat([Buffer.of(5, 1, 2), ...authentication, Buffer.of(5, 1, 0), destination]))
  setTimeout(() => socket.destroy(), ANSWER_LIMIT_MS).unref()
  try {
    return (await readExactly(socket, 4 + REPLY_LENGTH))[5]!
  } catch {
    return -1
  } finally {
    socket.destroy()
  }
}

const port = Buffer.of(BRIDGE_PORT >> 8, BRIDGE_PORT & 0xff)
const name = Buffer.from('bridge.example')
const replies = {
  address: await ask(Buffer.concat([Buffer.of(1, ...BRIDGE_HOST.split('.').map(Number)), port])),
  name: await ask(Buffer.concat([Buffer.of(3, name.length), name, port])),
}
for (const cleanUp of cleanUps) await cleanUp()
process.stdout.write(`${JSON.stringify({ replies, caught, proxied })}\n`, () => process.exit())
