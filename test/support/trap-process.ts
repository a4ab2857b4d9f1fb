// The outside of an isolated network: takes every connection, answers every DNS query with its own address, and reports when asked to.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

const [host, port, resolverHost] = process.argv.slice(2) as [string, string, string]
const DNS_PORT = 53
const HEADER_LENGTH = 12
const TYPE_A = 1
const queries: string[] = []
let arrivalCount = 0

/** Returns the name of the first question of a DNS message, its type, and where it ends. */
function readQuestion(message: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = []
  let offset = HEADER_LENGTH
  for (;;) {
    const length = message[offset++]!
    if (length === 0) break
    labels.push(message.toString('latin1', offset, offset + length))
    offset += length
  }
  return { name: labels.join('.'), type: message.readUInt16BE(offset), end: offset + 4 }
}

/** Answers a query for an IPv4 address with `host`, and any other with nothing (RFC 1035 §4). */
function answer(message: Buffer): Buffer {
  const { name, type, end } = readQuestion(message)
  queries.push(name)
  const isAddress = type === TYPE_A
  const header = Buffer.of(message[0]!, message[1]!, 0x81, 0x80, 0, 1, 0, isAddress ? 1 : 0, 0, 0, 0, 0)
  const question = message.subarray(HEADER_LENGTH, end)
  // The name of the question, type A, class IN, for no time, 4 bytes.
  const record = Buffer.of(0xc0, HEADER_LENGTH, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4, ...host.split('.').map(Number))
  return Buffer.concat([header, question, ...(isAddress ? [record] : [])])
}

const resolver = createSocket('udp4')
resolver.on('message', (message, { port: clientPort, address }) => {
  resolver.send(answer(message), clientPort, address)
})
const resolverOverTcp = createServer((socket) => {
  queries.push('over TCP')
  socket.destroy()
})
const server = createServer((socket) => {
  arrivalCount++
  socket.on('error', () => {}).resume()
  socket.end('not obfs4')
})
resolver.bind(DNS_PORT, resolverHost)
resolverOverTcp.listen(DNS_PORT, resolverHost)
server.listen(Number(port), host)
await Promise.all([resolver, resolverOverTcp, server].map((listener) => once(listener, 'listening')))
process.stdin.on('data', () => process.stdout.write(`report ${JSON.stringify({ queries, arrivalCount })}\n`))
process.stdin.on('end', () => process.exit())
process.stdout.write('ready\n')
