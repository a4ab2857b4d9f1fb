// One side of a measurement, in a process of plain Node on the built code; the bench starts two of it and reads their reports.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Transport } from 'pluggable-transports'
import type { BenchedTransport } from './transports.ts'

interface Parameters {
  readonly carrier: BenchedTransport | 'net'
  readonly task: 'one-way' | 'both-ways' | 'round-trip' | 'handshakes' | 'idle'
  /** Bytes to send, round trips to make, or connections to open. */
  readonly amount: number
  /** Absent on the server. */
  readonly server?: { readonly port: number; readonly clientArguments: Readonly<Record<string, string>> }
}

const HOST = '127.0.0.1'
const CHUNK = Buffer.alloc(65_536)
const PING = Buffer.alloc(64)
/** Connections that are opened at the same time. */
const PARALLEL_COUNT = 16
/** How long a key pool takes at most to be full again, in ms. */
const REFILL_MS = 500
const WARM_UP_SHARE = 0.2

const { carrier, task, amount, server } = JSON.parse(process.env.PARAMETERS!) as Parameters
const transport = await loadTransport()
const dial = createDial()

async function loadTransport(): Promise<Transport | undefined> {
  if (carrier === 'net') return undefined
  const module = (await import(carrier.module)) as Readonly<Record<string, Transport>>
  return module[carrier.module.split('/').at(-1)!]
}

function createDial(): () => Duplex {
  if (server === undefined) return () => failWith('a server does not dial')
  const address = { host: HOST, port: server.port, allowHalfOpen: true }
  if (carrier === 'net') return () => connect(address)
  const client = transport!.client({ ...carrier.client, ...server.clientArguments })
  return () => client.connect(address)
}

function failWith(message: string): never {
  throw new Error(message)
}

function listen(onConnection: (socket: Duplex) => void): void {
  const address = { host: HOST, port: 0, allowHalfOpen: true }
  const listener = carrier === 'net' ? createServer(address) : transport!.server(carrier.server).listen(address)
  listener.on('connection', onConnection)
  if (carrier === 'net') (listener as ReturnType<typeof createServer>).listen(address)
  listener.once('listening', () => {
    const { port } = listener.address() as AddressInfo
    process.send!({ port, clientArguments: 'clientArguments' in listener ? listener.clientArguments : {} })
  })
}

/** Resolves when the bench has it. */
function report(figures: object): Promise<void> {
  return new Promise((resolve) => process.send!(figures, undefined, undefined, () => resolve()))
}

function cpuMsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}

/** Sends and receives at once; reports when both are done. */
async function bulk(socket: Duplex, sends: boolean, receives: boolean): Promise<void> {
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  socket.resume()
  const ended = receives ? once(socket, 'end') : undefined
  if (sends) {
    for (let left = amount; left > 0; left -= CHUNK.length) if (!socket.write(CHUNK)) await once(socket, 'drain')
  }
  socket.end()
  await Promise.all([ended, once(socket, 'close')])
  await report({ ms: performance.now() - startedAt, cpuMs: cpuMsSince(cpu) })
}

/** Sends 64 bytes and waits for them, again and again. */
async function roundTrips(socket: Duplex): Promise<void> {
  const timesUs: number[] = []
  for (let count = -amount * WARM_UP_SHARE; count < amount; count++) {
    const sentAt = performance.now()
    socket.write(PING)
    await once(socket, 'data')
    if (count >= 0) timesUs.push((performance.now() - sentAt) * 1000)
  }
  timesUs.sort((a, b) => a - b)
  socket.destroy()
  await report({ p50Us: timesUs[Math.floor(amount * 0.5)], p99Us: timesUs[Math.floor(amount * 0.99)] })
}

/** Opens `count` connections, some at a time, and hands each to `use`. */
async function openMany(count: number, use: (socket: Duplex) => Promise<void>): Promise<void> {
  let left = count
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      const socket = dial()
      await once(socket, 'connect')
      await use(socket)
    }
  }
  await Promise.all(Array.from({ length: PARALLEL_COUNT }, lane))
}

/** CPU until the key pool is full again, as it was at the start: keys made count, whenever they are made. */
async function measureHandshakes(run: () => Promise<void>): Promise<void> {
  await sleep(REFILL_MS)
  const cpu = process.cpuUsage()
  const startedAt = performance.now()
  await run()
  const ms = performance.now() - startedAt
  await sleep(REFILL_MS)
  await report({ ms, cpuMs: cpuMsSince(cpu) })
}

async function endAndClose(socket: Duplex): Promise<void> {
  const closed = once(socket, 'close')
  socket.resume().end()
  await closed
}

const IDLE_MS = 5000

function memory(): number {
  return process.memoryUsage.rss()
}

async function runClient(): Promise<void> {
  if (task === 'one-way' || task === 'both-ways' || task === 'round-trip') {
    const socket = dial()
    await once(socket, 'connect')
    await (task === 'round-trip' ? roundTrips(socket) : bulk(socket, true, task === 'both-ways'))
  } else if (task === 'handshakes') {
    await openMany(amount * WARM_UP_SHARE, endAndClose)
    await measureHandshakes(() => openMany(amount, endAndClose))
  } else {
    await openMany(amount * WARM_UP_SHARE, endAndClose)
    await sleep(REFILL_MS)
    const before = memory()
    const held: Duplex[] = []
    await openMany(amount, (socket) => Promise.resolve(void held.push(socket)))
    await sleep(IDLE_MS)
    await report({ bytes: (memory() - before) / held.length })
    for (const socket of held) socket.destroy()
  }
  process.disconnect()
}

function runServer(): void {
  if (task === 'one-way' || task === 'both-ways') {
    return listen((socket) => {
      void bulk(socket, task === 'both-ways', true).then(() => process.exit())
    })
  }
  if (task === 'round-trip') {
    return listen((socket) => {
      socket.on('data', (chunk: Buffer) => socket.write(chunk))
      socket.on('end', () => process.exit())
      socket.on('error', () => process.exit())
      void report({})
    })
  }
  countConnections()
}

function countConnections(): void {
  const warmUpCount = amount * WARM_UP_SHARE
  const held: Duplex[] = []
  let [count, before, startedAt] = [0, 0, 0]
  let cpu = process.cpuUsage()
  listen((socket) => {
    count++
    socket.on('error', () => {})
    socket.resume()
    if (task === 'handshakes' || count <= warmUpCount) socket.on('end', () => socket.end())
    else held.push(socket)
    // The client has paused before the measured ones.
    if (count === warmUpCount) {
      setTimeout(() => {
        cpu = process.cpuUsage()
        before = memory()
        startedAt = performance.now()
      }, REFILL_MS / 2)
    }
    if (count < warmUpCount + amount) return
    const ms = performance.now() - startedAt
    setTimeout(
      () => {
        void report({ ms, cpuMs: cpuMsSince(cpu), bytes: (memory() - before) / amount }).then(() => process.exit())
      },
      task === 'idle' ? IDLE_MS : REFILL_MS,
    )
  })
}

if (server === undefined) runServer()
else await runClient()
