// One side of a transfer, in a process of its own: sends `length` pseudo-random bytes, receives as many, and reports both hashes.
import { createCipheriv, createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { obfs4 } from 'pluggable-transports/obfs4'

interface Parameters {
  readonly carrier: 'obfs4' | 'net'
  readonly length: number
  /** Of the bytes sent. */
  readonly seed: number
  /** Absent on the server. */
  readonly server?: { readonly port: number; readonly cert: string }
}

const CHUNK_LENGTH = 65_536
const { carrier, length, seed, server } = JSON.parse(process.env.PARAMETERS!) as Parameters

function* pseudoRandom(): Generator<Buffer> {
  const keystream = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16))
  const zeros = Buffer.alloc(CHUNK_LENGTH)
  for (let left = length; left > 0; left -= CHUNK_LENGTH) {
    yield keystream.update(zeros.subarray(0, Math.min(left, CHUNK_LENGTH)))
  }
}

async function send(socket: Duplex): Promise<string> {
  const hash = createHash('sha256')
  for (const chunk of pseudoRandom()) {
    hash.update(chunk)
    if (!socket.write(chunk)) await once(socket, 'drain')
  }
  socket.end()
  return hash.digest('hex')
}

async function receive(socket: Duplex): Promise<string> {
  const hash = createHash('sha256')
  // Not with for await, which destroys what it has read to the end, and with it the writable side.
  socket.on('data', (chunk: Buffer) => hash.update(chunk))
  await once(socket, 'end')
  return hash.digest('hex')
}

async function transfer(socket: Duplex): Promise<void> {
  const closed = once(socket, 'close')
  const [sent, received] = await Promise.all([send(socket), receive(socket)])
  await closed
  const peakMiB = process.resourceUsage().maxRSS / 1024
  process.send!({ sent, received, peakMiB, cpu: process.cpuUsage() }, () => process.disconnect())
}

if (server !== undefined) {
  const { port, cert } = server
  const address = { host: '127.0.0.1', port, allowHalfOpen: true }
  await transfer(carrier === 'net' ? connect(address) : obfs4.client({ cert }).connect(address))
} else if (carrier === 'net') {
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    listener.close()
    void transfer(socket)
  })
  listener.listen({ host: '127.0.0.1', port: 0 }, () => {
    process.send!({ port: (listener.address() as AddressInfo).port, cert: '' })
  })
} else {
  const listener = obfs4.server({}).listen({ host: '127.0.0.1', port: 0, allowHalfOpen: true })
  listener.on('connection', (socket) => {
    listener.close()
    void transfer(socket)
  })
  listener.on('listening', () => {
    const { port } = listener.address() as AddressInfo
    process.send!({ port, cert: listener.clientArguments.cert })
  })
}
