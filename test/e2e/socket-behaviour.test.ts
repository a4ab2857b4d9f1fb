import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, LookupFunction } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { type AnySocket, type OpenWorld, logOf, openNet, openObfs4 } from '../support/socket-pairs.ts'
import { nextMessage, startBuiltProcess } from '../support/built-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { closedPort } from '../support/closed-port.ts'

type Scenario = (open: OpenWorld, context: TestContext) => Promise<unknown>

/** Runs a scenario over bare sockets, then over obfs4, and compares what it observed. */
function sameAsNet(title: string, scenario: Scenario, options: { skip?: string | false } = {}): void {
  test(`as net.Socket: ${title}`, { timeout: 10_000, ...options }, async (context) => {
    const expected = await scenario(openNet, context)
    assert.notDeepEqual(expected, [])
    assert.deepEqual(await scenario(openObfs4, context), expected)
  })
}

const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))
const toLoopback: LookupFunction = (_name, options, callback) => {
  if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
  else callback(null, '127.0.0.1', 4)
}
const toNothing: LookupFunction = (_name, _options, callback) => {
  const error = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND', syscall: 'getaddrinfo' })
  process.nextTick(callback, error, '', 0)
}
const echo = (socket: AnySocket): void => void socket.pipe(socket)

/** What arrives, and where from. */
async function exchange(socket: AnySocket): Promise<object> {
  const log = logOf(socket)
  await once(socket, 'connect')
  const { remoteFamily, remoteAddress } = socket
  socket.end('question')
  const answer = await text(socket)
  return { remoteFamily, remoteAddress, answer, events: await log }
}

/** Opens a pair and keeps both ends and their logs. */
async function openPair(open: OpenWorld, context: TestContext, allowHalfOpen: { server: boolean; client: boolean }) {
  const accepted: { socket: AnySocket; log: Promise<string[]> }[] = []
  const onConnection = (socket: AnySocket): void => void accepted.push({ socket, log: logOf(socket) })
  const world = await open(context, { allowHalfOpen: allowHalfOpen.server, onConnection })
  const serverHasIt = once(world.server, 'connection')
  const client = world.dial(world.place, { allowHalfOpen: allowHalfOpen.client })
  const clientLog = logOf(client)
  await Promise.all([once(client, 'ready'), serverHasIt])
  const { socket: server, log: serverLog } = accepted[0]!
  return { world, client, server, logs: () => Promise.all([clientLog, serverLog]) }
}

const CLOSED_HALVES = { server: false, client: false }
const OPEN_HALVES = { server: true, client: true }

sameAsNet('a refused connection', async (open, context) => {
  const world = await open(context)
  return logOf(world.dial({ host: '127.0.0.1', port: await closedPort() }))
})

sameAsNet('a name that nobody knows', async (open, context) => {
  const world = await open(context)
  return logOf(world.dial({ ...world.place, host: 'nobody.test' }, { lookup: toNothing }))
})

sameAsNet('a path where no socket is', async (open, context) => {
  const world = await open(context)
  return logOf(world.dial({ path: join(await temporaryDirectory(context), 'none') }))
})

sameAsNet('a UNIX socket path', async (open, context) => {
  const path = join(await temporaryDirectory(context), 'socket')
  const world = await open(context, { at: { path }, onConnection: echo, allowHalfOpen: true })
  return [world.place.path === path, world.server.address() === path, await exchange(world.dial({ path }))]
})

const ipv6 = { skip: hasIPv6 ? false : 'this machine has no IPv6 loopback' } as const
sameAsNet(
  'an IPv6 address',
  async (open, context) => {
    const world = await open(context, { at: { host: '::1', port: 0 }, onConnection: echo, allowHalfOpen: true })
    return exchange(world.dial(world.place))
  },
  ipv6,
)

sameAsNet('a host name', async (open, context) => {
  const world = await open(context, { onConnection: echo, allowHalfOpen: true })
  return exchange(world.dial({ ...world.place, host: 'server.test' }, { lookup: toLoopback }))
})

sameAsNet('the client ends first, the server answers after it', async (open, context) => {
  const { client, server, logs } = await openPair(open, context, OPEN_HALVES)
  const [question, answer]: [string[], string[]] = [[], []]
  server.on('data', (chunk: Buffer) => question.push(chunk.toString()))
  client.on('data', (chunk: Buffer) => answer.push(chunk.toString()))
  client.end('question')
  await once(server, 'end')
  server.end('answer')
  return [question, answer, await logs()]
})

sameAsNet('the server ends first, the client answers after it', async (open, context) => {
  const { client, server, logs } = await openPair(open, context, OPEN_HALVES)
  server.end('question')
  const [question, answer]: [string[], string[]] = [[], []]
  client.on('data', (chunk: Buffer) => question.push(chunk.toString()))
  server.on('data', (chunk: Buffer) => answer.push(chunk.toString()))
  await once(client, 'end')
  client.end('answer')
  return [question, answer, await logs()]
})

sameAsNet('an end is answered by itself unless allowHalfOpen is set', async (open, context) => {
  const { client, server, logs } = await openPair(open, context, CLOSED_HALVES)
  client.resume()
  server.end('last words').resume()
  return logs()
})

sameAsNet("a client's end is answered by the server itself unless allowHalfOpen is set", async (open, context) => {
  const { client, server, logs } = await openPair(open, context, CLOSED_HALVES)
  server.resume()
  client.end('last words').resume()
  return logs()
})

sameAsNet('an end is seen before anybody reads, the data after it', async (open, context) => {
  const { client, server, logs } = await openPair(open, context, CLOSED_HALVES)
  server.end().resume()
  await once(client, 'finish')
  client.resume()
  return logs()
})

sameAsNet('destroy before the connection is there', async (open, context) => {
  const world = await open(context)
  const socket = world.dial(world.place)
  const log = logOf(socket)
  socket.destroy()
  return [socket.destroyed, socket.connecting, socket.readyState, await log]
})

sameAsNet('destroy with an error, which the peer sees as an end', async (open, context) => {
  const { client, server, logs } = await openPair(open, context, CLOSED_HALVES)
  server.resume()
  client.destroy(Object.assign(new Error('enough'), { code: 'ENOUGH' }))
  return logs()
})

sameAsNet('end before the connection is there', async (open, context) => {
  const received: Promise<string>[] = []
  const world = await open(context, { onConnection: (socket) => received.push(text(socket)) })
  const socket = world.dial(world.place).resume()
  const log = logOf(socket)
  socket.end('early')
  const events = await log
  return [events, await received[0]]
})

sameAsNet('writes before the connection is there arrive in order', async (open, context) => {
  const received: Promise<string>[] = []
  const world = await open(context, { onConnection: (socket) => received.push(text(socket)) })
  const socket = world.dial(world.place).resume()
  const written: string[] = []
  for (const word of ['one ', 'two ', 'three']) socket.write(word, () => written.push(word))
  const before = [socket.connecting, socket.pending, socket.readyState, socket.bytesWritten]
  socket.end()
  await once(socket, 'close')
  return { before, written, received: await received[0], bytesWritten: socket.bytesWritten }
})

sameAsNet('setTimeout tells of silence and leaves the socket open', async (open, context) => {
  const { client, logs } = await openPair(open, context, CLOSED_HALVES)
  client.setTimeout(30)
  await once(client, 'timeout')
  const states = [client.timeout, client.destroyed, client.readyState]
  client.setTimeout(0)
  client.destroy()
  return [states, (await logs())[0]]
})

// net goes on to connect a socket that it has destroyed; a Connection dials nothing.
test('a signal that was aborted before ends a Connection without a dial', async (context) => {
  const world = await openObfs4(context, { onConnection: () => assert.fail('nobody dials') })
  const log = await logOf(world.dial(world.place, { signal: AbortSignal.abort() }))
  assert.deepEqual(log, ['error ABORT_ERR', 'close true'])
})

sameAsNet('a signal that is aborted while open', async (open, context) => {
  const world = await open(context)
  const controller = new AbortController()
  const socket = world.dial(world.place, { signal: controller.signal })
  const log = logOf(socket)
  await once(socket, 'ready')
  controller.abort()
  return log
})

sameAsNet('a write after end', async (open, context) => {
  const { client, logs } = await openPair(open, context, CLOSED_HALVES)
  client.end()
  const told: unknown[] = []
  client.write('late', (error) => told.push((error as NodeJS.ErrnoException).code))
  return [(await logs())[0], told]
})

sameAsNet("a write after the peer's end", async (open, context) => {
  const { client, server, logs } = await openPair(open, context, CLOSED_HALVES)
  const told: unknown[] = []
  client.on('end', () => client.write('late', (error) => told.push((error as NodeJS.ErrnoException | undefined)?.code)))
  server.end().resume()
  client.resume()
  return [(await logs())[0], told]
})

sameAsNet('back-pressure: write returns false, and drain comes once the peer reads', async (open, context) => {
  const { client, server, logs } = await openPair(open, context, CLOSED_HALVES)
  server.pause()
  const chunk = Buffer.alloc(65_536, 'x')
  let sent = 0
  while (client.writableLength < 16_777_216) {
    sent += chunk.length
    if (client.write(chunk) && sent > 67_108_864) break
  }
  assert.equal(client.writableNeedDrain, true)
  let received = 0
  server.on('data', (data: Buffer) => (received += data.length))
  server.resume()
  await once(client, 'drain')
  client.end().resume()
  const events = await logs()
  return [received === sent, client.bytesWritten === sent, server.bytesRead === sent, events]
})

sameAsNet('close() of the server drains what is open and refuses what comes', async (open, context) => {
  const { world, client, server, logs } = await openPair(open, context, CLOSED_HALVES)
  const order: string[] = []
  const closed = once(world.server, 'close').then(() => order.push('server closed'))
  world.server.close()
  const refused = await logOf(world.dial(world.place))
  server.on('data', (chunk: Buffer) => order.push(chunk.toString()))
  client.end('still here').resume()
  const events = await logs()
  await closed
  return [refused, order, events, world.server.listening, world.server.address()]
})

sameAsNet('addresses before, while and after it is open', async (open, context) => {
  const { world, client, server, logs } = await openPair(open, context, CLOSED_HALVES)
  const fresh = world.dial(world.place)
  const before = [fresh.address(), fresh.remoteAddress, fresh.localPort]
  fresh.on('error', () => {}).destroy()
  const { address, family, port } = client.address() as AddressInfo
  const facts = [
    [address, family, client.localAddress, client.remoteAddress, client.remoteFamily, client.localFamily],
    port === client.localPort && port === server.remotePort,
    client.remotePort === world.place.port && server.localPort === world.place.port,
  ]
  server.resume()
  client.destroy()
  await logs()
  return [before, facts, client.remoteAddress, client.readyState]
})

sameAsNet('readyState along the way', async (open, context) => {
  const { client, server, logs } = await openPair(open, context, OPEN_HALVES)
  const states = [client.readyState]
  client.end()
  states.push(client.readyState)
  await once(server.resume(), 'end')
  states.push(server.readyState)
  server.end()
  client.resume()
  await logs()
  return [...states, client.readyState, server.readyState, client.connecting, client.pending]
})

sameAsNet('destroySoon sends what was written', async (open, context) => {
  const { client, server, logs } = await openPair(open, context, CLOSED_HALVES)
  const received = text(server)
  client.write('whole')
  client.destroySoon()
  return [await received, await logs()]
})

sameAsNet('resetAndDestroy is a reset for the peer', async (open, context) => {
  const { client, server, logs } = await openPair(open, context, CLOSED_HALVES)
  server.resume()
  client.resetAndDestroy()
  return logs()
})

sameAsNet('getConnections counts what is open', async (open, context) => {
  const { world, client, server, logs } = await openPair(open, context, CLOSED_HALVES)
  const count = (): Promise<number> =>
    new Promise((resolve) => world.server.getConnections((_error, number) => resolve(number)))
  const counts = [await count()]
  server.resume()
  client.destroy()
  await logs()
  return [...counts, await count()]
})

const UNREFERENCED = new URL('../support/unreferenced-process.ts', import.meta.url)

test('an unreferenced Listener and Connection let the process end', { timeout: 10_000 }, async (context) => {
  const child = startBuiltProcess(UNREFERENCED, {})
  context.after(() => void child.kill())
  const ended = once(child, 'exit')
  assert.equal(await nextMessage(child), 'unreferenced')
  assert.deepEqual(await ended, [0, null])
})

for (const keep of ['connection', 'listener'] as const) {
  test(`a referenced ${keep} keeps the process alive`, { timeout: 10_000 }, async (context) => {
    const child = startBuiltProcess(UNREFERENCED, { keep })
    context.after(() => void child.kill('SIGKILL'))
    assert.equal(await nextMessage(child), 'unreferenced')
    // Had nothing kept it, it would have ended of itself, with status 0.
    const ended = once(child, 'exit')
    setTimeout(() => child.kill('SIGTERM'), 500)
    assert.deepEqual(await ended, [null, 'SIGTERM'])
  })
}
