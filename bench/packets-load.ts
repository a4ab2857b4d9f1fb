// One end of a bench of packets, in a process of plain Node on the built code: the application that sends, or the one that counts or echoes.
// Its packets go by a socket of node:dgram or through obfs4, by the same calls. Every packet begins with a letter and 32 bits, big-endian.
import { type Socket, createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'
import type { PacketConnection } from 'pluggable-transports'
import { obfs4 } from 'pluggable-transports/obfs4'

/** What an end does, on message: the first two are the sender's, the last is the receiver's. */
export type PacketTask =
  | {
      readonly task: 'offer'
      readonly run: number
      readonly perSecond: number
      readonly count: number
      readonly length: number
    }
  | { readonly task: 'echo'; readonly perSecond: number; readonly count: number; readonly length: number }
  | { readonly task: 'count'; readonly run: number }

export interface PacketLoadParameters {
  readonly carrier: 'dgram' | 'obfs4'
  /** Where the sender's packets go; absent for the receiver. */
  readonly to?: { readonly port: number; readonly cert: string }
}

/** What came of an offer: `ms` is how long the sending took. */
export interface Offered {
  readonly sent: number
  readonly ms: number
}

/** Round trips; `lost` have not come back. */
export interface Echoes {
  readonly p50Us: number
  readonly p99Us: number
  readonly lost: number
}

const HOST = '127.0.0.1'
const COUNT = 0x63
const ECHO = 0x65
/** As much as ptkit asks for: what a burst overflows there, it overflows here. */
const BUFFER_LENGTH = 1_048_576
/** Packets that are sent in one turn of the event loop. */
const BURST_COUNT = 64
/** How long the last echoes are waited for, in ms. */
const LAST_ECHO_MS = 250

const { carrier, to } = JSON.parse(process.env.PARAMETERS!) as PacketLoadParameters

function openSocket(): Socket {
  return createSocket({
    type: 'udp4',
    recvBufferSize: BUFFER_LENGTH,
    sendBufferSize: BUFFER_LENGTH,
    lookup: (address, _options, callback) => callback(null, address, 4),
  })
}

function packetOf(letter: number, amount: number, length: number): Buffer {
  const packet = Buffer.alloc(length, letter)
  packet.writeUInt32BE(amount, 1)
  return packet
}

/** What came of each run's packets, by the run's number. */
const counts = new Map<number, number>()

function take(packet: Buffer, echo: (packet: Buffer) => void): void {
  if (packet[0] === ECHO) return echo(packet)
  const run = packet.readUInt32BE(1)
  counts.set(run, (counts.get(run) ?? 0) + 1)
}

async function listen(): Promise<void> {
  process.on('message', (task: PacketTask) => {
    if (task.task === 'count') process.send!({ count: counts.get(task.run) ?? 0 })
  })
  if (carrier === 'dgram') {
    const socket = openSocket()
    socket.on('message', (packet, { port, address }) => take(packet, () => socket.send(packet, port, address)))
    await new Promise<void>((resolve) => void socket.bind(0, HOST, resolve))
    process.send!({ port: socket.address().port, cert: '' })
    return
  }
  const listener = obfs4.server({}).listen({ host: HOST, port: 0, packets: true })
  listener.on('packets', (connection) => {
    connection.on('error', () => {})
    connection.on('message', (packet) => take(packet, () => connection.send(packet)))
  })
  await once(listener, 'listening')
  process.send!({ port: (listener.address() as AddressInfo).port, cert: listener.clientArguments.cert })
}

async function connect({ port, cert }: { readonly port: number; readonly cert: string }) {
  if (carrier === 'obfs4') {
    const connection = obfs4.client({ cert }).connectPackets({ host: HOST, port })
    await once(connection, 'connect')
    return connection
  }
  const socket = openSocket()
  socket.on('error', () => {})
  await new Promise<void>((resolve) => {
    socket.connect(port, HOST, resolve)
  })
  return socket
}

/**
 * Calls `send` for each of `count` packets at a steady rate: each ms those that are due, but so many in a row that no buffer overflows for
 * the sender's having been held up. Resolves with the ms that it took.
 */
async function pace(perSecond: number, count: number, send: (index: number) => void): Promise<number> {
  const startedAt = performance.now()
  for (let sent = 0; sent < count;) {
    const due = Math.min(count, Math.ceil(((performance.now() - startedAt) / 1000) * perSecond))
    const end = Math.min(due, sent + BURST_COUNT)
    while (sent < end) send(sent++)
    if (sent < due) await turn()
    else if (sent < count) await sleep(1)
  }
  return performance.now() - startedAt
}

async function offer(way: Socket | PacketConnection, task: PacketTask & { task: 'offer' }): Promise<Offered> {
  const packet = packetOf(COUNT, task.run, task.length)
  const ms = await pace(task.perSecond, task.count, () => way.send(packet))
  return { sent: task.count, ms }
}

async function echo(way: Socket | PacketConnection, task: PacketTask & { task: 'echo' }): Promise<Echoes> {
  const sentAt: number[] = []
  const times: number[] = []
  const onMessage = (packet: Buffer): void => {
    const start = sentAt[packet.readUInt32BE(1)]
    if (start !== undefined) times.push((performance.now() - start) * 1000)
  }
  // A dgram socket and a packet connection agree in what a listener is given first.
  const emitter: NodeJS.EventEmitter = way
  emitter.on('message', onMessage)
  await pace(task.perSecond, task.count, (index) => {
    sentAt[index] = performance.now()
    way.send(packetOf(ECHO, index, task.length))
  })
  for (let waited = 0; waited < LAST_ECHO_MS && times.length < task.count; waited += 10) await sleep(10)
  emitter.off('message', onMessage)
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN
  return { p50Us: at(0.5), p99Us: at(0.99), lost: task.count - times.length }
}

async function runSender(destination: { readonly port: number; readonly cert: string }): Promise<void> {
  const way = await connect(destination)
  process.on('message', (task: PacketTask) => {
    if (task.task === 'count') return
    const done: Promise<object> = task.task === 'offer' ? offer(way, task) : echo(way, task)
    void done.then((report) => process.send!(report))
  })
  process.send!({})
}

process.on('disconnect', () => process.exit())
if (to === undefined) await listen()
else await runSender(to)
