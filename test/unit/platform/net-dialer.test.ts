import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { ByteStream } from '../../../src/core/platform.ts'
import { createNetDialer } from '../../../src/platform/net-dialer.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const never = new AbortController().signal

async function listen(context: TestContext, where: { host: string; port: 0 } | { path: string }): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }).listen(where)
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket.on('error', () => undefined)))
  context.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  await once(server, 'listening')
  return server
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port

/** Collects what comes in until the peer's FIN. */
async function readAll(stream: ByteStream): Promise<string> {
  let text = ''
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  stream.resume()
  await once(stream, 'end')
  return text
}

for (const host of ['127.0.0.1', '::1', 'localhost']) {
  test(`dials ${host}, half-open and paused`, async (context) => {
    const server = await listen(context, { host, port: 0 })
    server.on('connection', (socket) => socket.end('hello'))
    const stream = await createNetDialer().dial({ host, port: portOf(server) }, { signal: never })
    assert.equal(stream.isPaused(), true)
    assert.equal(stream.remotePort, portOf(server))
    assert.equal(await readAll(stream), 'hello')
    assert.equal(stream.writable, true)
    stream.destroy()
  })
}

test('reads nothing ahead before the owner resumes', async (context) => {
  const server = await listen(context, { host: '127.0.0.1', port: 0 })
  server.on('connection', (socket) => socket.write('hello'))
  const stream = await createNetDialer().dial({ host: '127.0.0.1', port: portOf(server) }, { signal: never })
  // A whole round trip of another connection, after which those bytes are long there.
  const [accepted] = (await Promise.all([
    once(server, 'connection'),
    createNetDialer().dial({ host: '127.0.0.1', port: portOf(server) }, { signal: never }),
  ])) as [[Socket], unknown]
  accepted[0].destroy()
  assert.equal(stream.readableLength, 0)
  const data = once(stream, 'data')
  stream.resume()
  assert.equal(String((await data)[0]), 'hello')
  stream.destroy()
})

test('dials a UNIX socket path', async (context) => {
  const path = join(await temporaryDirectory(context), 'socket')
  const server = await listen(context, { path })
  server.on('connection', (socket) => socket.end('hello'))
  const stream = await createNetDialer({ localAddress: '127.0.0.1' }).dial({ path }, { signal: never })
  assert.equal(await readAll(stream), 'hello')
  stream.destroy()
})

test('asks the injected resolver, and comes from the local address', async (context) => {
  const server = await listen(context, { host: '127.0.0.1', port: 0 })
  const dialer = createNetDialer({
    localAddress: '127.0.0.2',
    lookup: (name, _options, callback) => {
      assert.equal(name, 'bridge.invalid')
      callback(null, '127.0.0.1', 4)
    },
  })
  const stream = await dialer.dial({ host: 'bridge.invalid', port: portOf(server) }, { signal: never })
  assert.equal(stream.localAddress, '127.0.0.2')
  stream.destroy()
})

test("goes on to a name's next address when one refuses", async (context) => {
  const server = await listen(context, { host: '127.0.0.1', port: 0 })
  const addresses = [
    { address: '::1', family: 6 },
    { address: '127.0.0.1', family: 4 },
  ]
  const dialer = createNetDialer({ lookup: (_name, _options, callback) => callback(null, addresses) })
  const stream = await dialer.dial({ host: 'bridge.invalid', port: portOf(server) }, { signal: never })
  assert.equal(stream.remoteAddress, '127.0.0.1')
  stream.destroy()
})

test("rejects with the system's error", async (context) => {
  const server = await listen(context, { host: '127.0.0.1', port: 0 })
  const port = portOf(server)
  server.close()
  const dialer = createNetDialer()
  await assert.rejects(dialer.dial({ host: '127.0.0.1', port }, { signal: never }), { code: 'ECONNREFUSED' })
  const path = join(await temporaryDirectory(context), 'absent')
  await assert.rejects(dialer.dial({ path }, { signal: never }), { code: 'ENOENT', syscall: 'connect' })
  await assert.rejects(dialer.dial({ host: '127.0.0.1', port: 65_536 }, { signal: never }), {
    code: 'ERR_SOCKET_BAD_PORT',
  })
})

test("rejects with the signal's reason when it has aborted before", async () => {
  const reason = new Error('too late')
  const dialing = createNetDialer().dial({ host: '127.0.0.1', port: 9 }, { signal: AbortSignal.abort(reason) })
  await assert.rejects(dialing, reason)
})

test("rejects with the signal's reason while a name is looked up, and never connects", async (context) => {
  const server = await listen(context, { host: '127.0.0.1', port: 0 })
  let connections = 0
  server.on('connection', () => connections++)
  const abort = new AbortController()
  const reason = new Error('enough')
  let answer: (() => void) | undefined
  const asked = new Promise<void>((resolve) => {
    const dialer = createNetDialer({
      lookup: (_name, _options, callback) => {
        answer = () => callback(null, [{ address: '127.0.0.1', family: 4 }])
        resolve()
      },
    })
    const dialing = dialer.dial({ host: 'bridge.invalid', port: portOf(server) }, { signal: abort.signal })
    context.after(() => assert.rejects(dialing, reason))
    dialing.catch(() => undefined)
  })
  await asked
  abort.abort(reason)
  answer!()
  const other = await createNetDialer().dial({ host: '127.0.0.1', port: portOf(server) }, { signal: never })
  other.destroy()
  assert.ok(connections <= 1)
})

test("rejects with the signal's reason while it connects", async (context) => {
  const server = await listen(context, { host: '127.0.0.1', port: 0 })
  const abort = new AbortController()
  const dialing = createNetDialer().dial({ host: '127.0.0.1', port: portOf(server) }, { signal: abort.signal })
  abort.abort(new Error('enough'))
  await assert.rejects(dialing, { message: 'enough' })
})

test('leaves a dialled stream alone when the signal aborts later', async (context) => {
  const server = await listen(context, { host: '127.0.0.1', port: 0 })
  const abort = new AbortController()
  const stream = await createNetDialer().dial({ host: '127.0.0.1', port: portOf(server) }, { signal: abort.signal })
  abort.abort()
  assert.equal(stream.destroyed, false)
  assert.equal(stream.listenerCount('error') + stream.listenerCount('connect'), 0)
  stream.destroy()
})
