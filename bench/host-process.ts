// One side of the measurements of the host, in a process of plain Node on the built code.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { hostTransport, inProcess, launch, runInThread, startThread } from 'pluggable-transports/host'
import { obfs4 } from 'pluggable-transports/obfs4'

interface Parameters {
  readonly task: 'serve' | 'launches' | 'connections'
  /** What runs the PT client. */
  readonly place?: 'api' | 'process' | 'thread' | 'in-process'
  readonly command?: string
  readonly args?: readonly string[]
  readonly amount?: number
  readonly server?: { readonly port: number; readonly cert: string }
}

const HOST = '127.0.0.1'
const PING = Buffer.alloc(64)
const CHUNK = Buffer.alloc(65_536)
const ROUND_TRIP_COUNT = 500
const BULK_LENGTH = 64 * 1_048_576
const ECHO = 0x65

const { task, place, command = '', args = [], amount = 0, server } = JSON.parse(process.env.PARAMETERS!) as Parameters

/** Echoes a connection that begins with ECHO, and answers another once it has sent BULK_LENGTH. */
function serve(): void {
  const listener = obfs4.server({}).listen({ host: HOST, port: 0, allowHalfOpen: true })
  listener.on('connection', (socket) => {
    socket.on('error', () => {})
    socket.once('data', (first: Buffer) => {
      if (first[0] === ECHO) {
        socket.write(first)
        socket.pipe(socket)
        return
      }
      let left = BULK_LENGTH - first.length
      socket.on('data', (bytes: Buffer) => {
        left -= bytes.length
        if (left === 0) socket.write('done')
      })
    })
  })
  listener.once('listening', () => {
    const { port } = listener.address() as AddressInfo
    process.send!({ port, cert: listener.clientArguments.cert })
  })
}

function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)]!
}

/** Starts and stops a client again and again; from the call to the methods, in ms. */
async function measureLaunches(stateDir: string): Promise<object> {
  const configuration = { role: 'client', transports: ['obfs4'], stateDir } as const
  const start = (): ReturnType<typeof launch> => {
    if (place === 'thread') return runInThread(configuration)
    if (place === 'in-process') return inProcess(configuration)
    return launch({ ...configuration, command, args })
  }
  const times: number[] = []
  for (let count = -1; count < amount; count++) {
    const startedAt = performance.now()
    const running = await start()
    if (count >= 0) times.push(performance.now() - startedAt)
    await running.stop()
  }
  return { p50Ms: median(times), mostMs: Math.max(...times) }
}

/** The time to 'connect', a round trip and a rate, by connections one after the other. */
async function measureConnections(stateDir: string): Promise<object> {
  const hosted =
    place === 'api'
      ? undefined
      : hostTransport(
          place === 'thread' ? { stateDir, startChild: startThread() } : { stateDir, command, args },
          'obfs4',
        )
  const client = (hosted ?? obfs4).client({ cert: server!.cert, 'iat-mode': '0' } as never)
  const connect = async (): Promise<Duplex> => {
    const socket = client.connect({ host: HOST, port: server!.port, allowHalfOpen: true })
    await once(socket, 'connect')
    return socket
  }
  const times: number[] = []
  for (let count = -20; count < amount; count++) {
    const startedAt = performance.now()
    const socket = await connect()
    if (count >= 0) times.push(performance.now() - startedAt)
    socket.destroy()
  }
  const figures = { connectMs: median(times), ...(await measureRoundTrips(connect)), ...(await measureRate(connect)) }
  await hosted?.close()
  return figures
}

async function measureRoundTrips(connect: () => Promise<Duplex>): Promise<{ readonly roundTripUs: number }> {
  const socket = await connect()
  socket.write(Buffer.of(ECHO))
  await once(socket, 'data')
  const times: number[] = []
  for (let count = -50; count < ROUND_TRIP_COUNT; count++) {
    const sentAt = performance.now()
    socket.write(PING)
    await once(socket, 'data')
    if (count >= 0) times.push((performance.now() - sentAt) * 1000)
  }
  socket.destroy()
  return { roundTripUs: median(times) }
}

async function measureRate(connect: () => Promise<Duplex>): Promise<{ readonly mbPerSecond: number }> {
  const socket = await connect()
  const startedAt = performance.now()
  for (let left = BULK_LENGTH; left > 0; left -= CHUNK.length) if (!socket.write(CHUNK)) await once(socket, 'drain')
  await once(socket, 'data')
  const seconds = (performance.now() - startedAt) / 1000
  socket.destroy()
  return { mbPerSecond: BULK_LENGTH / 1e6 / seconds }
}

if (task === 'serve') serve()
else {
  const stateDir = mkdtempSync(join(tmpdir(), 'pt-bench-'))
  try {
    const figures = await (task === 'launches' ? measureLaunches(stateDir) : measureConnections(stateDir))
    await new Promise<void>((resolve) => process.send!(figures, undefined, undefined, () => resolve()))
  } finally {
    rmSync(stateDir, { recursive: true, force: true })
    process.disconnect()
  }
}
