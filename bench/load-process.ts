// The two ends of a bench of whole processes: the application that dials (through SOCKS or not) and the one that is dialled. In processes
// of plain Node, which read into one buffer over and over, so that they take a small part of the CPU that what is between them takes.
import { type OnReadOpts, Socket, type SocketConstructorOpts, createServer } from 'node:net'

/** What the dialling application does, on message. */
export type LoadTask =
  | { readonly task: 'bulk'; readonly direction: 'down' | 'up'; readonly count: number; readonly length: number }
  | { readonly task: 'round-trips'; readonly count: number }
  | { readonly task: 'set-ups'; readonly count: number }
  | { readonly task: 'hold'; readonly count: number }
  | { readonly task: 'drop' }

/** Where the dialling application goes. Without `authentication`, straight to `port`. */
export interface LoadRoute {
  readonly port: number
  /** The RFC 1929 message with the PT arguments, in hex, and where the PT server listens. */
  readonly socks?: { readonly authentication: string; readonly targetPort: number }
}

const HOST = '127.0.0.1'
const BUFFER = Buffer.alloc(1_048_576)
const PING = Buffer.alloc(64)
const DONE = Buffer.of(1)
/** Connections that are opened at the same time, where they are to be held. */
const PARALLEL_COUNT = 16
const WARM_UP_COUNT = 20

/** The first five bytes of a connection: a letter, and an amount of 32 bits, big-endian. */
const HEADER_LENGTH = 5
const SEND = 0x73
const TAKE = 0x74
const ECHO = 0x65

function header(letter: number, amount: number): Buffer {
  const bytes = Buffer.alloc(HEADER_LENGTH, letter)
  bytes.writeUInt32BE(amount, 1)
  return bytes
}

type Receive = (bytes: Buffer) => void

/** A socket that reads into BUFFER; what `receive` is given is overwritten by the next read of any socket. */
class Wire {
  readonly socket: Socket
  receive: Receive = () => {}

  constructor(options: SocketConstructorOpts) {
    const callback = (length: number, buffer: Uint8Array): boolean => {
      this.receive(buffer.subarray(0, length) as Buffer)
      return true
    }
    const onread: OnReadOpts = { buffer: BUFFER, callback }
    this.socket = new Socket({ ...options, onread } as SocketConstructorOpts)
    this.socket.on('error', () => {})
  }

  connect(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.once('close', () => reject(new Error('the connection closed before it was there')))
      this.socket.connect({ host: HOST, port, noDelay: true }, resolve)
    })
  }

  /** Resolves when `length` bytes have come, which it does not keep but for the first read. */
  take(length: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      let left = length
      let first: Buffer | undefined
      const onClose = (): void => reject(new Error(`the connection closed ${left} bytes too early`))
      this.socket.once('close', onClose)
      this.receive = (bytes) => {
        first ??= Buffer.from(bytes.subarray(0, HEADER_LENGTH))
        left -= bytes.length
        if (left > 0) return
        this.socket.off('close', onClose)
        resolve(first)
      }
    })
  }

  /** Writes `length` bytes, no faster than they go. */
  send(length: number): void {
    let left = length
    const run = (): void => {
      while (left > 0) {
        const bytes = left < BUFFER.length ? BUFFER.subarray(0, left) : BUFFER
        left -= bytes.length
        if (!this.socket.write(bytes)) {
          this.socket.once('drain', run)
          return
        }
      }
    }
    run()
  }
}

/** Opens a connection to the application behind `route`. */
async function open({ port, socks }: LoadRoute): Promise<Wire> {
  const wire = new Wire({})
  await wire.connect(port)
  if (socks === undefined) return wire
  const { authentication, targetPort } = socks
  const steps = [
    { request: Buffer.of(5, 1, 2), answerLength: 2, accepted: 2 },
    { request: Buffer.from(authentication, 'hex'), answerLength: 2, accepted: 0 },
    { request: Buffer.of(5, 1, 0, 1, 127, 0, 0, 1, targetPort >> 8, targetPort & 0xff), answerLength: 10, accepted: 0 },
  ]
  for (const { request, answerLength, accepted } of steps) {
    const answer = wire.take(answerLength)
    wire.socket.write(request)
    if ((await answer)[1] !== accepted) throw new Error('the SOCKS server refused')
  }
  return wire
}

/** `count` connections, opened `PARALLEL_COUNT` at a time. */
async function openMany(route: LoadRoute, count: number): Promise<Wire[]> {
  const wires: Wire[] = []
  let left = count
  const lane = async (): Promise<void> => {
    while (left-- > 0) wires.push(await open(route))
  }
  await Promise.all(Array.from({ length: PARALLEL_COUNT }, lane))
  return wires
}

async function bulk(route: LoadRoute, { direction, count, length }: LoadTask & { task: 'bulk' }): Promise<object> {
  const wires = await openMany(route, count)
  const each = Math.ceil(length / count)
  const startedAt = performance.now()
  const transfer = (wire: Wire): Promise<unknown> => {
    const arrived = wire.take(direction === 'down' ? each : DONE.length)
    wire.socket.write(header(direction === 'down' ? SEND : TAKE, each))
    if (direction === 'up') wire.send(each)
    return arrived
  }
  await Promise.all(wires.map(transfer))
  const ms = performance.now() - startedAt
  for (const { socket } of wires) socket.destroy()
  return { ms }
}

function quantiles(times: number[], at: readonly number[]): number[] {
  const sorted = times.toSorted((a, b) => a - b)
  return at.map((share) => sorted[Math.floor(sorted.length * share)]!)
}

/** Sends 64 bytes and waits for them, again and again. */
async function roundTrips(route: LoadRoute, count: number): Promise<object> {
  const wire = await open(route)
  wire.socket.write(header(ECHO, 0))
  const times: number[] = []
  for (let i = -WARM_UP_COUNT; i < count; i++) {
    const back = wire.take(PING.length)
    const sentAt = performance.now()
    wire.socket.write(PING)
    await back
    if (i >= 0) times.push((performance.now() - sentAt) * 1000)
  }
  wire.socket.destroy()
  const [p50Us, p99Us] = quantiles(times, [0.5, 0.99])
  return { p50Us, p99Us }
}

/** Opens connections one after the other; each is reset once it is there. */
async function setUps(route: LoadRoute, count: number): Promise<object> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const startedAt = performance.now()
    const wire = await open(route)
    times.push(performance.now() - startedAt)
    wire.socket.destroy()
  }
  const [p50Ms, p90Ms] = quantiles(times, [0.5, 0.9])
  return { p50Ms, p90Ms }
}

const held: Wire[] = []

async function perform(route: LoadRoute, task: LoadTask): Promise<object> {
  if (task.task === 'bulk') return bulk(route, task)
  if (task.task === 'round-trips') return roundTrips(route, task.count)
  if (task.task === 'set-ups') return setUps(route, task.count)
  if (task.task === 'hold') held.push(...(await openMany(route, task.count)))
  else for (const { socket } of held.splice(0)) socket.destroy()
  return {}
}

function serve(wire: Wire): void {
  let head = Buffer.alloc(0)
  const start = (rest: Buffer): void => {
    const [letter, amount] = [head[0], head.readUInt32BE(1)]
    if (letter === SEND) wire.send(amount)
    else if (letter === TAKE) {
      wire.take(amount).then(
        () => wire.socket.write(DONE),
        () => {},
      )
    } else wire.receive = (bytes) => void wire.socket.write(Buffer.from(bytes))
    if (rest.length > 0) wire.receive(rest)
  }
  wire.receive = (bytes) => {
    const missing = HEADER_LENGTH - head.length
    head = Buffer.concat([head, bytes.subarray(0, missing)])
    if (head.length === HEADER_LENGTH) start(bytes.subarray(missing))
  }
}

/** net.Server has no `onread`, and its sockets allocate 64 KiB per read: another socket takes over what they hold. */
function listen(): void {
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (accepted) => {
    const handle: unknown = Reflect.get(accepted, '_handle')
    Reflect.set(accepted, '_handle', null)
    const wire = new Wire({ handle } as SocketConstructorOpts)
    serve(wire)
    wire.socket.resume()
  })
  server.listen({ host: HOST, port: 0 }, () => {
    process.send!({ port: (server.address() as { readonly port: number }).port })
  })
}

const { route } = JSON.parse(process.env.PARAMETERS!) as { readonly route?: LoadRoute }
if (route === undefined) listen()
else {
  process.on('message', (task: LoadTask) => {
    void perform(route, task).then(
      (report) => process.send!(report),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  })
}
