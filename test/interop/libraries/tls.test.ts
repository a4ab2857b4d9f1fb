import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { on, once } from 'node:events'
import { buffer, text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import tls from 'node:tls'
import { TEST_CERTIFICATE, TEST_KEY } from '../../support/certificate.ts'
import { openObfs4Link } from '../../support/obfs4-link.ts'

const MEBIBYTE = 1_048_576

async function openTls(context: TestContext, onSecure: (socket: tls.TLSSocket) => void, options: tls.TlsOptions = {}) {
  const server = tls.createServer({ key: TEST_KEY, cert: TEST_CERTIFICATE, ...options }, onSecure)
  const link = await openObfs4Link(context, (socket) => server.emit('connection', socket))
  function connect(more: tls.ConnectionOptions = {}): tls.TLSSocket {
    return tls.connect({ socket: link.connect(), servername: 'localhost', ca: TEST_CERTIFICATE, ...more })
  }
  return { connect, server }
}

/** Reads exactly `length` bytes and leaves the socket open. */
async function take(socket: tls.TLSSocket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let missing = length
  for await (const [chunk] of on(socket, 'data') as AsyncIterable<[Buffer]>) {
    chunks.push(chunk)
    missing -= chunk.length
    if (missing <= 0) break
  }
  return Buffer.concat(chunks)
}

test('tls.connect authenticates the server and agrees on ALPN', async (context) => {
  const { connect } = await openTls(context, (socket) => socket.end('done'), { ALPNProtocols: ['h2', 'echo'] })
  const socket = connect({ ALPNProtocols: ['echo'] })
  await once(socket, 'secureConnect')
  assert.equal(socket.authorized, true)
  assert.equal(socket.alpnProtocol, 'echo')
  assert.equal(socket.getProtocol(), 'TLSv1.3')
  assert.equal(await text(socket), 'done')
})

test('tls.connect carries 1 MiB both ways at once', async (context) => {
  const [up, down] = [randomBytes(MEBIBYTE), randomBytes(MEBIBYTE)]
  const received: Promise<Buffer>[] = []
  const { connect } = await openTls(context, (socket) => {
    received.push(buffer(socket))
    socket.write(down)
  })
  const socket = connect()
  socket.write(up)
  const sent = await take(socket, MEBIBYTE)
  socket.end()
  assert.deepEqual(sent, down)
  assert.deepEqual(await received[0], up)
})

test("tls.connect sees the peer's close_notify as a clean end, and both connections close", async (context) => {
  const accepted: tls.TLSSocket[] = []
  const { connect } = await openTls(context, (socket) => accepted.push(socket.end('bye')))
  const socket = connect()
  const closed = once(socket, 'close')
  assert.equal(await text(socket), 'bye')
  assert.deepEqual(await closed, [false])
  if (!accepted[0]!.closed) await once(accepted[0]!, 'close')
})

test('tls.connect refuses a certificate that it does not know', async (context) => {
  const { connect, server } = await openTls(context, () => assert.fail('no client is let in'))
  server.on('tlsClientError', () => {})
  const socket = connect({ ca: [] })
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'DEPTH_ZERO_SELF_SIGNED_CERT')
})

test('tls.connect resumes a session on a second connection', async (context) => {
  const { connect } = await openTls(context, (socket) => socket.end('hello'))
  const first = connect({ maxVersion: 'TLSv1.2' })
  const [session] = (await once(first, 'session')) as [Buffer]
  await text(first)
  const second = connect({ maxVersion: 'TLSv1.2', session })
  await once(second, 'secureConnect')
  assert.equal(second.isSessionReused(), true)
  assert.equal(await text(second), 'hello')
})
