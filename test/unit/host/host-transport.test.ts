import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { readFile, readdir } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import type { Connection } from '../../../src/core/connection.ts'
import type { ByteStream } from '../../../src/core/platform.ts'
import type { Listener } from '../../../src/core/listener.ts'
import { EXIT_NEWS_MS } from '../../../src/host/child-watch.ts'
import { type HostTransportSettings, hostTransport } from '../../../src/host/host-transport.ts'
import type { PtProcess } from '../../../src/host/pt-process.ts'
import { supervise } from '../../../src/host/supervisor.ts'
import { parseAddress } from '../../../src/ipc/address.ts'
import { type ExtendedOrPortClient, dialExtendedOrPort } from '../../../src/proxy/extended-orport.ts'
import { type SocksRequest, SocksNegotiation } from '../../../src/proxy/socks-negotiation.ts'
import { turn } from '../../../src/testing/fake-clock.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { FakeChildren } from '../../support/fake-children.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const BRIDGE = { host: '192.0.2.9', port: 443 }
const CERT = { cert: 'abc', 'iat-mode': '0' }

const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await turn()
}

/** A host's transport whose children are in the test's hand, and whose network is in memory. */
async function open(t: TestContext, settings: Partial<HostTransportSettings> = {}) {
  const children = new FakeChildren()
  const platform = createMemoryPlatform()
  const stateDir = await temporaryDirectory(t)
  const spec = { startChild: children.start, stateDir, restartDelayMs: 1, ...settings }
  const transport = hostTransport(spec, 'any')
  t.after(() => transport.close())
  /** Waits for the child of that number, which says what it is told. */
  const child = async (number: number, ...lines: readonly string[]) => {
    await until(() => children.all.length >= number)
    if (!lines[0]?.startsWith('VERSION')) children.all[number - 1]!.say('VERSION 1')
    children.all[number - 1]!.say(...lines)
    return children.all[number - 1]!
  }
  return { children, platform, stateDir, transport, child }
}

/** Serves SOCKS at a port in memory, where whoever connects gets its own bytes back; notes what is asked. */
async function serveSocks(platform: ReturnType<typeof createMemoryPlatform>, port: number) {
  const requests: SocksRequest[] = []
  const streams: ByteStream[] = []
  const onStream = (stream: ByteStream): void => {
    const negotiation = new SocksNegotiation()
    streams.push(stream)
    stream.on('error', () => {})
    let isOpen = false
    const negotiate = (bytes: Buffer): void => {
      const step = negotiation.receive(bytes)
      if (step.wire.length > 0) stream.write(step.wire)
      if (step.state !== 'requested') return
      isOpen = true
      requests.push(step.request)
      stream.write(negotiation.encodeReply(0))
    }
    stream.on('data', (bytes: Buffer) => {
      if (isOpen) stream.write(bytes)
      else negotiate(bytes)
    })
    stream.on('end', () => stream.end())
  }
  await platform.network.bind({ host: '127.0.0.1', port }, { onStream, onError: () => {} })
  return { requests, streams }
}

const clientLines = (port: number, protocol = 'socks5'): string[] => [
  `CMETHOD any ${protocol} 127.0.0.1:${port}`,
  'CMETHODS DONE',
]

async function codeOfError(emitter: Connection | Listener): Promise<unknown> {
  const [error] = (await once(emitter, 'error')) as [NodeJS.ErrnoException]
  return error.code
}

test('starts no child before the first connect(), and one for all', async (t) => {
  const { children, platform, transport, child } = await open(t, {
    proxy: 'socks5://127.0.0.1:9',
    outbound: { v4: '192.0.2.1' },
  })
  const { requests } = await serveSocks(platform, 7)
  const factories = [
    transport.client(CERT, { platform }),
    transport.clientFor({ transport: 'any', arguments: CERT }, { platform }),
  ]
  assert.equal(children.all.length, 0)
  const connections = factories.map((factory) => factory.connect(BRIDGE))
  await child(1, 'PROXY DONE', ...clientLines(7))
  await Promise.all(connections.map((connection) => once(connection, 'connect')))
  connections[0]!.write('echo')
  assert.equal(String(((await once(connections[0]!, 'data')) as [Buffer])[0]), 'echo')
  assert.equal(children.all.length, 1)
  assert.equal(children.last.setup.variables['TOR_PT_PROXY'], 'socks5://127.0.0.1:9')
  assert.equal(children.last.setup.variables['TOR_PT_OUTBOUND_BIND_ADDRESS_V4'], '192.0.2.1')
  assert.deepEqual(
    requests.map(({ arguments: args, destination }) => ({ args: { ...args }, destination: { ...destination } })),
    [
      { args: CERT, destination: BRIDGE },
      { args: CERT, destination: BRIDGE },
    ],
  )
  for (const connection of connections) connection.destroy()
})

test('lets the arguments of a connection win', async (t) => {
  const { platform, transport, child } = await open(t)
  const { requests } = await serveSocks(platform, 7)
  const connection = transport.client(CERT, { platform }).connect({ ...BRIDGE, arguments: { 'iat-mode': '2' } })
  await child(1, ...clientLines(7))
  await once(connection, 'connect')
  assert.deepEqual({ ...requests[0]?.arguments }, { cert: 'abc', 'iat-mode': '2' })
  connection.destroy()
})

test('goes on with the port of the next child, which connections wait for', async (t) => {
  const { platform, transport, child } = await open(t)
  const [first, second] = [await serveSocks(platform, 7), await serveSocks(platform, 8)]
  const client = transport.client(CERT, { platform })
  const before = client.connect(BRIDGE)
  const one = await child(1, ...clientLines(7))
  await once(before, 'connect')
  one.exit({ code: 1, signal: null })
  first.streams[0]!.end()
  before.resume()
  assert.equal(await codeOfError(before), 'PT_HOST_EXITED')
  const after = client.connect(BRIDGE)
  await child(2, ...clientLines(8))
  await once(after, 'connect')
  assert.deepEqual([first.requests.length, second.requests.length], [1, 1])
  after.destroy()
})

test('tells every connection why the launch failed, and launches again for the next', async (t) => {
  const { children, platform, transport, child } = await open(t)
  await serveSocks(platform, 7)
  const client = transport.client(CERT, { platform })
  const failing = [client.connect(BRIDGE), client.connect(BRIDGE)]
  const codes = Promise.all(failing.map((connection) => codeOfError(connection)))
  await child(1, 'CMETHOD-ERROR any no luck', 'CMETHODS DONE')
  assert.deepEqual(await codes, ['PT_HOST_FAILED', 'PT_HOST_FAILED'])
  assert.equal(children.all.length, 1)
  const next = client.connect(BRIDGE)
  await child(2, ...clientLines(7))
  await once(next, 'connect')
  next.destroy()
})

test('tells those who wait when a child is given up, and launches again for the next', async (t) => {
  const { platform, transport, child } = await open(t, { maxRestarts: 1 })
  await serveSocks(platform, 7)
  const client = transport.client(CERT, { platform })
  const before = client.connect(BRIDGE)
  const one = await child(1, ...clientLines(7))
  await once(before, 'connect')
  before.on('error', () => {})
  one.exit({ code: 1, signal: null })
  const waiting = client.connect(BRIDGE)
  const code = codeOfError(waiting)
  const two = await child(2)
  two.exit({ code: 1, signal: null })
  assert.equal(await code, 'PT_HOST_EXITED')
  const next = client.connect(BRIDGE)
  await child(3, ...clientLines(7))
  await once(next, 'connect')
  before.destroy()
  next.destroy()
})

test('does not speak SOCKS to a child that offers another mode, nor ask it for a UNIX socket', async (t) => {
  const { platform, transport, child } = await open(t, { versions: ['2.1'] })
  const client = transport.client(CERT, { platform })
  const first = client.connect(BRIDGE)
  const code = codeOfError(first)
  const one = await child(1, 'VERSION 2.1', ...clientLines(7, 'transparent-TCP'))
  assert.equal(await code, 'PT_HOST_FAILED')
  assert.equal(await codeOfError(client.connect('/run/socket')), 'PT_ADDRESS_INVALID')
  assert.deepEqual(one.steps, [])
})

test('ends the child at close(), one that is being launched too, and launches another for the next', async (t) => {
  const { children, platform, transport, child } = await open(t)
  await serveSocks(platform, 7)
  const client = transport.client(CERT, { platform })
  const early = client.connect(BRIDGE)
  const code = codeOfError(early)
  await until(() => children.all.length === 1)
  await transport.close()
  assert.equal(await code, 'PT_HOST_EXITED')
  assert.equal(children.all[0]!.steps[0], 'input')
  const late = client.connect(BRIDGE)
  await child(2, ...clientLines(7))
  await once(late, 'connect')
  await transport.close()
  assert.deepEqual(children.all[1]!.steps, ['input'])
  await transport.close()
  late.destroy()
})

test('leaves the child to others when one connection is given up', async (t) => {
  const { children, platform, transport, child } = await open(t)
  await serveSocks(platform, 7)
  const client = transport.client(CERT, { platform })
  const given = client.connect(BRIDGE)
  const other = client.connect(BRIDGE)
  given.destroy()
  await child(1, ...clientLines(7))
  await once(other, 'connect')
  assert.deepEqual([children.all.length, children.last.steps], [1, []])
  other.destroy()
})

test('shows each process that it launches, in time for its first lines', async (t) => {
  const told: unknown[] = []
  const onProcess = (process: PtProcess): void => void process.on('log', (entry) => told.push(entry))
  const { platform, transport, child, children } = await open(t, { onProcess, logLevel: 'INFO' })
  await serveSocks(platform, 7)
  const connection = transport.client(CERT, { platform }).connect(BRIDGE)
  const one = await child(1, 'VERSION 3.0', 'LOG INFO early', ...clientLines(7))
  await once(connection, 'connect')
  one.say('LOG INFO late')
  await until(() => told.length === 2)
  const info = (message: string) => ({ severity: 'info', message })
  assert.deepEqual(told, [info('early'), info('late')])
  assert.deepEqual(children.last.setup.flags, ['-ipcLogLevel', 'INFO'])
  connection.destroy()
})

test('ends a process whose viewer throws, and fails by that', async (t) => {
  const failure = new Error('not today')
  const { platform, transport, child, children } = await open(t, {
    onProcess: () => {
      throw failure
    },
  })
  const connection = transport.client(CERT, { platform }).connect(BRIDGE)
  const failed = once(connection, 'error')
  await child(1, ...clientLines(7))
  assert.equal((await failed)[0], failure)
  assert.deepEqual(children.last.steps, ['input'])
})

/** Listens in memory; the child says that it does at `port`. */
async function listen(t: TestContext, settings: Partial<HostTransportSettings> = {}, port = 0) {
  const world = await open(t, settings)
  const { platform, transport, child, children } = world
  const listener = transport.server({ 'iat-mode': 1 }, { platform }).listen({ host: 'localhost', port })
  const listening = once(listener, 'listening')
  await child(1, 'SMETHOD any 127.0.0.1:5000 ARGS:cert=abc', 'SMETHODS DONE')
  await listening
  const { variables } = children.last.setup
  const cookieFile = variables['TOR_PT_AUTH_COOKIE_FILE']!
  const address = parseAddress(variables['TOR_PT_EXTENDED_SERVER_PORT']!, { names: false, minPort: 1 })!
  /** Does as a PT server whose client got through. */
  const arrive = (client: ExtendedOrPortClient) => {
    const orPort = { address, readCookieFile: () => readFile(cookieFile) }
    return dialExtendedOrPort(orPort, client, platform, new AbortController().signal)
  }
  return { ...world, listener, variables, arrive }
}

test('launches a server child for a listener, whose clients come as connections', async (t) => {
  const { children, platform, listener, variables, arrive, stateDir } = await listen(t, {
    outbound: { v6: '2001:db8::1' },
  })
  assert.equal(variables['TOR_PT_SERVER_BINDADDR'], 'any-127.0.0.1:0')
  assert.equal(variables['TOR_PT_SERVER_TRANSPORT_OPTIONS'], 'any:iat-mode=1')
  assert.equal(variables['TOR_PT_ORPORT'], undefined)
  assert.equal(variables['TOR_PT_OUTBOUND_BIND_ADDRESS_V6'], '[2001:db8::1]')
  assert.deepEqual(listener.address(), { address: '127.0.0.1', family: 'IPv4', port: 5000 })
  assert.deepEqual({ ...listener.clientArguments }, { cert: 'abc' })
  const arrival = once(listener, 'connection') as Promise<[Connection]>
  const far = await arrive({ transport: 'any', remoteAddress: '2001:db8::1', remotePort: 5 })
  const [connection] = await arrival
  assert.deepEqual(
    [connection.remoteAddress, connection.remotePort, connection.remoteFamily],
    ['2001:db8::1', 5, 'IPv6'],
  )
  far.write('in')
  assert.equal(String(((await once(connection, 'data')) as [Buffer])[0]), 'in')
  const closed = once(listener, 'close')
  listener.close()
  connection.end('out')
  assert.deepEqual(children.last.steps, [], 'the child lives as long as its connections')
  far.resume()
  far.end()
  connection.resume()
  await platform.clock.advance(EXIT_NEWS_MS)
  await closed
  assert.deepEqual(children.last.steps, ['input'])
  assert.deepEqual(await readdir(stateDir), [])
})

test('turns away a client of another transport, and whom the veto does not let in', async (t) => {
  const { arrive, listener } = await listen(t, { admit: ({ remotePort }) => remotePort !== 6 })
  const refused: unknown[] = []
  listener.on('connection', (connection) => refused.push(connection))
  const told: unknown[] = []
  const hear = (message: unknown) => told.push(message)
  subscribe('pluggable-transports:handshake:failed', hear)
  t.after(() => unsubscribe('pluggable-transports:handshake:failed', hear))
  for (const client of [{ transport: 'other' }, { transport: 'any', remoteAddress: '192.0.2.1', remotePort: 6 }])
    await assert.rejects(arrive(client), { code: 'PT_HANDSHAKE_FAILED' })
  const failed = { transport: 'any', code: 'PT_HANDSHAKE_FAILED' }
  assert.deepEqual([refused, told], [[], [failed, failed]])
  listener.close()
  await once(listener, 'close')
})

test('restarts the child of a fixed port, and tells its new arguments', async (t) => {
  const { children, child, listener } = await listen(t, {}, 5000)
  children.last.exit({ code: 1, signal: null })
  await child(2, 'SMETHOD any 127.0.0.1:5000 ARGS:cert=new', 'SMETHODS DONE')
  assert.deepEqual({ ...listener.clientArguments }, { cert: 'new' })
  assert.equal(children.all[1]!.setup.variables['TOR_PT_SERVER_BINDADDR'], 'any-127.0.0.1:5000')
  listener.close()
  await once(listener, 'close')
})

test('fails the listener by why its child is given up', async (t) => {
  const { children, child, listener, stateDir } = await listen(t, { maxRestarts: 1 }, 5000)
  const code = codeOfError(listener)
  const closed = new Promise<void>((resolve) => listener.once('close', () => resolve()))
  children.last.exit({ code: 1, signal: null })
  await child(2, 'SMETHOD any 127.0.0.1:0')
  assert.equal(await code, 'PT_HOST_GRAMMAR')
  await closed
  assert.deepEqual(await readdir(stateDir), [])
})

test('fails a listener whose child cannot be launched, and leaves nothing behind', async (t) => {
  const { platform, transport, child, stateDir } = await open(t)
  const listener = transport.server({}, { platform }).listen(0, '127.0.0.1')
  const code = codeOfError(listener)
  await child(1, 'SMETHOD-ERROR any port taken', 'SMETHODS DONE')
  assert.equal(await code, 'PT_HOST_FAILED')
  assert.deepEqual(await readdir(stateDir), [])
  assert.equal(platform.network.bindingCount, 0)
})

test('ends at once, without an error, a listener that is closed while its child is silent', async (t) => {
  const { children, platform, transport, stateDir } = await open(t)
  const ending = new AbortController()
  const server = transport.server({}, { platform })
  const listeners = [
    server.listen(0, '127.0.0.1'),
    server.listen({ port: 0, host: '127.0.0.1', signal: ending.signal }),
  ]
  const errors: unknown[] = []
  for (const listener of listeners) listener.on('error', (error) => errors.push(error))
  const closed = listeners.map((listener) => once(listener, 'close'))
  await until(() => children.all.length === 2)
  listeners[0]!.close()
  ending.abort()
  await Promise.all(closed)
  for (const child of children.all) assert.equal(child.steps[0], 'input')
  assert.deepEqual(errors, [])
  assert.deepEqual(await readdir(stateDir), [])
  assert.equal(platform.network.bindingCount, 0)
})

test('a listener of a process that is being restarted does not wait for that when it is closed', async (t) => {
  const children = new FakeChildren()
  const platform = createMemoryPlatform()
  const orPort = { host: '127.0.0.1', port: 9 }
  const stateDir = await temporaryDirectory(t)
  const launched = supervise(children.start, { role: 'server', transports: ['any'], stateDir, orPort })
  children.last.say('VERSION 1', 'SMETHOD any 127.0.0.1:5000', 'SMETHODS DONE')
  const host = await launched
  t.after(() => host.stop())
  children.last.exit({ code: 1, signal: null })
  const own = host.transport('any').server({}, { platform })
  assert.throws(() => own.listen(5000, '127.0.0.1'), { code: 'PT_HOST_EXITED', message: /started again/ })
  const listener = own.listen()
  const closed = once(listener, 'close')
  await turn()
  listener.close()
  await closed
  assert.equal(platform.network.bindingCount, 0)
  assert.equal(host.closed, false)
})

test('ends the child of a listener that is closed while it is launched', async (t) => {
  const { children, platform, transport, child, stateDir } = await open(t)
  const listener = transport.server({}, { platform }).listen(0, '127.0.0.1')
  const closed = once(listener, 'close')
  await until(() => children.all.length === 1)
  listener.close()
  await child(1, 'SMETHOD any 127.0.0.1:5000', 'SMETHODS DONE')
  await closed
  assert.equal(children.last.steps[0], 'input')
  assert.deepEqual(await readdir(stateDir), [])
  assert.equal(platform.network.bindingCount, 0)
})
