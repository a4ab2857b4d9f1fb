import assert from 'node:assert/strict'
import { type Socket, createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { obfs4 } from '../../src/transports/obfs4/index.ts'
import type { ManagedProcess } from '../support/managed-process.ts'
import { parseServerMethod, portOf } from '../support/method-lines.ts'
import { prefixed, stunMessage } from '../support/packet-worlds.ts'
import { startPtkit } from '../support/ptkit-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const TIMEOUT_MS = 30_000
const ANSWER_LIMIT_MS = 5_000
/** Between two tries of what may be lost, as UDP is. */
const RETRY_MS = 100
/** The system tells of a refusal with one of the next packets. */
const LOST_COUNT = 5
const HOST = '127.0.0.1'

type Mode = 'transparent-UDP' | 'STUN'

/** A UDP socket on loopback that ends with its test, and what it received. */
async function openSocket(test: TestContext, port = 0, host = HOST) {
  const socket: Socket = createSocket(host === HOST ? 'udp4' : 'udp6')
  const received: { readonly packet: Buffer; readonly port: number }[] = []
  socket.on('message', (packet, source) => received.push({ packet, port: source.port }))
  socket.bind(port, host)
  await once(socket, 'listening')
  let isClosed = false
  socket.once('close', () => (isClosed = true))
  const close = async (): Promise<void> => {
    if (!isClosed) await once(socket.close(), 'close')
  }
  test.after(close)
  return { socket, received, close, port: socket.address().port }
}

type Peer = Awaited<ReturnType<typeof openSocket>>

/** Sends a packet again and again until `seen` says that it arrived. */
async function sendUntil(from: Peer, packet: Buffer | string, to: number, seen: () => boolean): Promise<void> {
  const deadline = Date.now() + ANSWER_LIMIT_MS
  while (!seen()) {
    assert.ok(Date.now() < deadline, `no sign of a packet of ${packet.length} bytes`)
    from.socket.send(packet, to, HOST)
    await delay(RETRY_MS)
  }
}

const has =
  ({ received }: Peer, packet: Buffer | string): (() => boolean) =>
  () =>
    received.some((each) => each.packet.equals(Buffer.from(packet)))

/** Answers each packet with itself. */
function echo({ socket }: Peer): void {
  socket.on('message', (packet, { port, address }) => socket.send(packet, port, address))
}

interface Path {
  readonly port: number
  readonly client: ManagedProcess
  readonly server: ManagedProcess
  readonly method: string
  readonly serverPort: number
  readonly clientArguments: Readonly<Record<string, string>>
}

/** Starts both sides of ptkit in a mode of UDP, in front of an application server. */
async function startPath(test: TestContext, mode: Mode, target: string, args: readonly string[] = []): Promise<Path> {
  const common = ['-ptversion', '3.0', '-transports', 'obfs4', '-mode', mode, '-ipcLogLevel', 'DEBUG', ...args]
  const place = ['-server', '-state', await temporaryDirectory(test), '-bindaddr', `obfs4-${HOST}:0`]
  const server = startPtkit(test, {}, [...common, ...place, '-target', target])
  const { port: serverPort, clientArguments } = parseServerMethod(await server.line('SMETHOD obfs4 '))
  await server.line('SMETHODS DONE')
  const way = ['-target', `${HOST}:${serverPort}`, '-options', JSON.stringify({ obfs4: clientArguments })]
  const client = startPtkit(test, {}, [...common, '-client', '-state', await temporaryDirectory(test), ...way])
  const method = await client.line('CMETHOD obfs4 ')
  await client.line('CMETHODS DONE')
  return { port: portOf(method), client, server, method, serverPort, clientArguments }
}

for (const [mode, packets] of [
  ['transparent-UDP', ['a', 'x'.repeat(1_400), 'y'.repeat(60_000)].map((text) => Buffer.from(text))],
  ['STUN', [stunMessage('one'), stunMessage('two')]],
] as const)
  test(`carries packets of ${mode} both ways`, { timeout: TIMEOUT_MS }, async (t) => {
    const target = await openSocket(t)
    echo(target)
    const path = await startPath(t, mode, `${HOST}:${target.port}`)
    assert.equal(path.method, `CMETHOD obfs4 ${mode} ${HOST}:${path.port}`)
    assert.notEqual(path.port, 0)
    for (const packet of packets) {
      const application = await openSocket(t)
      await sendUntil(application, packet, path.port, has(application, packet))
      assert.ok(has(target, packet)())
    }
    // One socket of the server's for each application.
    assert.equal(new Set(target.received.map(({ port }) => port)).size, packets.length)
  })

test(
  'waits for the connection with the first packet, so that nobody sends it twice',
  { timeout: TIMEOUT_MS },
  async (t) => {
    const target = await openSocket(t)
    const path = await startPath(t, 'transparent-UDP', `${HOST}:${target.port}`)
    const application = await openSocket(t)
    const arrived = once(target.socket, 'message')
    application.socket.send('first', path.port, HOST)
    assert.equal(String((await arrived)[0]), 'first')
  },
)

test('takes packets to a target that has a name', { timeout: TIMEOUT_MS }, async (t) => {
  const target = await openSocket(t)
  // A system may know localhost by its IPv6 address first.
  const others = await openSocket(t, target.port, '::1').catch(() => undefined)
  for (const peer of [target, others]) if (peer !== undefined) echo(peer)
  const { port } = await startPath(t, 'transparent-UDP', `localhost:${target.port}`)
  const application = await openSocket(t)
  await sendUntil(application, 'to a name', port, has(application, 'to a name'))
})

test('takes packets to a target of IPv6', { timeout: TIMEOUT_MS }, async (t) => {
  const target = await openSocket(t, 0, '::1').catch(() => undefined)
  if (target === undefined) return t.skip('there is no IPv6')
  echo(target)
  const { port } = await startPath(t, 'transparent-UDP', `[::1]:${target.port}`)
  const application = await openSocket(t)
  await sendUntil(application, 'to IPv6', port, has(application, 'to IPv6'))
})

test(
  'survives the refusals of a target that is not there, and finds it when it is',
  { timeout: TIMEOUT_MS },
  async (t) => {
    const away = await openSocket(t)
    await away.close()
    const path = await startPath(t, 'transparent-UDP', `${HOST}:${away.port}`)
    const application = await openSocket(t)
    for (let count = 0; count < LOST_COUNT; count++) {
      application.socket.send('lost', path.port, HOST)
      await delay(RETRY_MS)
    }
    const target = await openSocket(t, away.port)
    await sendUntil(application, 'found', path.port, has(target, 'found'))
    assert.deepEqual([path.client.child.exitCode, path.server.child.exitCode], [null, null])
  },
)

test('survives a frame that no datagram of IPv4 can carry', { timeout: TIMEOUT_MS }, async (t) => {
  const target = await openSocket(t)
  const path = await startPath(t, 'transparent-UDP', `${HOST}:${target.port}`)
  const connection = obfs4.client(path.clientArguments).connect({ host: HOST, port: path.serverPort })
  t.after(() => void connection.destroy())
  const arrived = once(target.socket, 'message')
  connection.write(Buffer.concat([prefixed('x'.repeat(65_520)), prefixed('next')]))
  assert.equal(String((await arrived)[0]), 'next')
  assert.equal(target.received.length, 1)
})

test('ends a connection that is idle, and begins another with the next packet', { timeout: TIMEOUT_MS }, async (t) => {
  const target = await openSocket(t)
  const path = await startPath(t, 'transparent-UDP', `${HOST}:${target.port}`, ['-udpIdleTimeout', '1'])
  const application = await openSocket(t)
  await sendUntil(application, 'a', path.port, has(target, 'a'))
  await path.client.line('LOG DEBUG connection:close')
  await sendUntil(application, 'b', path.port, has(target, 'b'))
  assert.equal(new Set(target.received.map(({ port }) => port)).size, 2)
})

test(
  'exits with 0 at SIGTERM on both sides, frees its ports, and has told no address',
  { timeout: TIMEOUT_MS },
  async (t) => {
    const target = await openSocket(t)
    echo(target)
    const path = await startPath(t, 'transparent-UDP', `${HOST}:${target.port}`)
    const application = await openSocket(t)
    await sendUntil(application, 'a', path.port, has(application, 'a'))
    for (const process of [path.client, path.server]) {
      const lines: string[] = []
      process.child.stdout!.on('data', (bytes: Buffer) => lines.push(String(bytes)))
      await process.kill('SIGTERM')
      assert.deepEqual([process.child.exitCode, process.errorOutput], [0, ''])
      assert.doesNotMatch(lines.join(''), /127\.0|localhost/)
    }
    const again = await openSocket(t, path.port)
    assert.equal(again.port, path.port)
  },
)

test('lets applications go on at the first SIGINT, and ends at the second', { timeout: TIMEOUT_MS }, async (t) => {
  const target = await openSocket(t)
  echo(target)
  const path = await startPath(t, 'transparent-UDP', `${HOST}:${target.port}`)
  const application = await openSocket(t)
  await sendUntil(application, 'a', path.port, has(application, 'a'))
  path.client.child.kill('SIGINT')
  await sendUntil(application, 'b', path.port, has(application, 'b'))
  await path.client.kill('SIGINT')
  assert.equal(path.client.child.exitCode, 0)
})
