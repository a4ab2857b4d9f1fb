import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type TLSSocket, type TlsOptions, createServer } from 'node:tls'
import { scrubError } from '../../../src/core/scrub.ts'
import type { ByteStream, TlsClientSettings } from '../../../src/core/platform.ts'
import { systemPlatform } from '../../../src/platform/index.ts'
import { createNodeWeb } from '../../../src/platform/node-web.ts'
import { MemoryNetwork } from '../../../src/testing/memory-network.ts'
import {
  CA_CERTIFICATE,
  EXPIRED_CERTIFICATE,
  EXPIRED_KEY,
  LEAF_CERTIFICATE,
  LEAF_KEY,
} from '../../support/certificate-chain.ts'
import { TEST_CERTIFICATE } from '../../support/certificate.ts'
import { hashChain } from '../../support/chain-hash.ts'
import { readExactly } from '../../support/read-exactly.ts'

const { dialer, tls } = systemPlatform
const leaf = { cert: LEAF_CERTIFICATE, key: LEAF_KEY }
const chain = { cert: LEAF_CERTIFICATE + CA_CERTIFICATE, key: LEAF_KEY }
/** With a certificate that belongs to nothing else in it. */
const oddChain = { cert: LEAF_CERTIFICATE + TEST_CERTIFICATE, key: LEAF_KEY }

/** Listens with TLS and echoes; sockets are destroyed when the test ends. */
async function startEcho(t: TestContext, options: TlsOptions): Promise<{ port: number; sockets: TLSSocket[] }> {
  const sockets: TLSSocket[] = []
  const server = createServer({ ALPNProtocols: ['h2', 'http/1.1'], ...options }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, sockets }
}

async function connectTo(
  t: TestContext,
  port: number,
  settings: Partial<TlsClientSettings>,
): Promise<{ stream: ByteStream; raw: ByteStream }> {
  const { signal } = new AbortController()
  const raw = await dialer.dial({ host: '127.0.0.1', port }, { signal })
  t.after(() => raw.destroy())
  return { raw, stream: await tls.connect(raw, { servername: 'bridge.example', signal, ...settings }) }
}

async function assertEchoes(stream: ByteStream): Promise<void> {
  stream.write('ping')
  assert.equal((await readExactly(stream, 4)).toString(), 'ping')
}

test('connects to who has a certificate of the name, and sends name and protocols', async (t) => {
  const { port, sockets } = await startEcho(t, chain)
  const { stream } = await connectTo(t, port, { ca: CA_CERTIFICATE, alpn: ['http/1.1'] })
  await assertEchoes(stream)
  assert.equal(sockets[0]!.alpnProtocol, 'http/1.1')
  assert.equal((sockets[0] as TLSSocket & { servername: string }).servername, 'bridge.example')
  assert.deepEqual([stream.remoteAddress, stream.remotePort], ['127.0.0.1', port])
})

test('sends no name for an IP address, whose certificate must say it', async (t) => {
  const { port, sockets } = await startEcho(t, chain)
  await assertEchoes((await connectTo(t, port, { ca: CA_CERTIFICATE, servername: '127.0.0.1' })).stream)
  assert.equal((sockets[0] as TLSSocket & { servername: unknown }).servername, false)
  await assert.rejects(connectTo(t, port, { ca: CA_CERTIFICATE, servername: '192.0.2.1' }), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  })
})

for (const [title, code, server, settings] of [
  ['another name', 'ERR_TLS_CERT_ALTNAME_INVALID', chain, { ca: CA_CERTIFICATE, servername: 'other.example' }],
  ['an issuer that is not known', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', leaf, {}],
  [
    'a certificate that has expired',
    'CERT_HAS_EXPIRED',
    { cert: EXPIRED_CERTIFICATE, key: EXPIRED_KEY },
    { ca: CA_CERTIFICATE },
  ],
] as const) {
  test(`fails with the code of ${title}, which scrubbing leaves, and with no name`, async (t) => {
    const { port } = await startEcho(t, server)
    const failure = await connectTo(t, port, settings).catch((error: unknown) => error)
    assert.equal((failure as { code?: string }).code, code)
    const scrubbed = scrubError(failure)
    assert.equal((scrubbed as Error & { code?: string }).code, code)
    assert.doesNotMatch(JSON.stringify([scrubbed.message, Object.entries(scrubbed)]), /example|127\.0|BEGIN/)
  })
}

test('verifies certificates whatever the environment says', async (t) => {
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  t.after(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'])
  const { port } = await startEcho(t, leaf)
  await assert.rejects(connectTo(t, port, {}), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' })
})

for (const [title, server, pin] of [
  ['a chain of 1', leaf, hashChain(LEAF_CERTIFICATE)],
  ['a chain of 2', chain, hashChain(LEAF_CERTIFICATE, CA_CERTIFICATE)],
  ['a chain in which one has nothing to do with the other', oddChain, hashChain(LEAF_CERTIFICATE, TEST_CERTIFICATE)],
] as const) {
  test(`takes ${title} that is pinned, whatever its name and issuer`, async (t) => {
    const { port } = await startEcho(t, server)
    await assertEchoes((await connectTo(t, port, { pin, servername: 'other.example' })).stream)
  })
}

test('takes an expired certificate that is pinned', async (t) => {
  const { port } = await startEcho(t, { cert: EXPIRED_CERTIFICATE, key: EXPIRED_KEY })
  await assertEchoes((await connectTo(t, port, { pin: hashChain(EXPIRED_CERTIFICATE) })).stream)
})

for (const [title, pin] of [
  ['its first certificate alone', hashChain(LEAF_CERTIFICATE)],
  ['its certificates in the other order', hashChain(CA_CERTIFICATE, LEAF_CERTIFICATE)],
  ['an empty pin', Buffer.alloc(0)],
] as const) {
  test(`fails with PT_PIN_MISMATCH where a chain of 2 is pinned by ${title}, even if it would verify`, async (t) => {
    const { port } = await startEcho(t, chain)
    const raw = await dialer.dial({ host: '127.0.0.1', port }, { signal: new AbortController().signal })
    const closed = once(raw, 'close')
    const settings = { servername: 'bridge.example', signal: new AbortController().signal }
    await assert.rejects(tls.connect(raw, { ...settings, pin, ca: CA_CERTIFICATE }), {
      name: 'PtError',
      code: 'PT_PIN_MISMATCH',
    })
    await closed
  })
}

test('ends each side on its own', async (t) => {
  const server = createServer({ ...chain, allowHalfOpen: true }, (socket) => {
    socket.resume().on('end', () => socket.end('after the end'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { stream, raw } = await connectTo(t, (server.address() as AddressInfo).port, { ca: CA_CERTIFICATE })
  const closed = once(raw, 'close')
  stream.end('request')
  assert.equal((await readExactly(stream, 13)).toString(), 'after the end')
  stream.resume()
  await closed
})

test('fails when the peer speaks no TLS, hangs up, or the signal aborts; the stream is destroyed', async (t) => {
  const opened: Socket[] = []
  const server = createTcpServer((socket) => {
    opened.push(socket.on('error', () => {}))
    socket.once('data', () => {
      if (opened.length === 1) socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')
      if (opened.length === 2) socket.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of opened) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const plain = await connectTo(t, port, {}).catch((error: unknown) => error)
  assert.equal((scrubError(plain) as Error & { code?: string }).code, 'ERR_SSL_WRONG_VERSION_NUMBER')
  const cut = await connectTo(t, port, {}).catch((error: unknown) => error)
  assert.equal((scrubError(cut) as Error & { code?: string }).code, 'ECONNRESET')
  const ending = new AbortController()
  const reason = new Error('enough')
  const raw = await dialer.dial({ host: '127.0.0.1', port }, { signal: ending.signal })
  const closed = once(raw, 'close')
  const connecting = tls.connect(raw, { servername: 'bridge.example', signal: ending.signal })
  ending.abort(reason)
  await assert.rejects(connecting, reason)
  await closed
})

test('destroys a stream whose signal has aborted already', async () => {
  const network = new MemoryNetwork()
  await network.bind({ port: 1, host: '127.0.0.1' }, { onStream: () => {}, onError: () => {} })
  const raw = await network.dial({ host: '127.0.0.1', port: 1 }, { signal: new AbortController().signal })
  const signal = AbortSignal.abort(new Error('too late'))
  await assert.rejects(tls.connect(raw, { servername: 'x.example', signal }), /too late/)
  assert.equal(raw.destroyed, true)
})

test('resets the stream underneath, and lends the addresses and settings of one that is no socket', async () => {
  const network = new MemoryNetwork()
  const host = await createNodeWeb({ dialer: network, clock: systemPlatform.clock }).open({
    site: { handler: () => {} },
    tls: chain,
  })
  const web = host.serve({ isGranted: () => true, onUpgrade: () => {} })
  await network.bind({ port: 443, host: '127.0.0.1' }, { onStream: (s) => void web.accept(s), onError: () => {} })
  const { signal } = new AbortController()
  const raw = await network.dial({ host: '127.0.0.1', port: 443 }, { signal })
  const stream = await tls.connect(raw, { servername: 'bridge.example', ca: CA_CERTIFICATE, signal })
  assert.deepEqual([stream.remoteAddress, stream.remotePort, stream.remoteFamily], ['127.0.0.1', 443, 'IPv4'])
  stream.unref?.()
  assert.equal(network.links[0]!.client.isReferenced, false)
  stream.ref?.()
  assert.equal(network.links[0]!.client.isReferenced, true)
  stream.setNoDelay?.(true)
  stream.setKeepAlive?.(true, 1)
  const reset = new Promise((resolve) => network.links[0]!.server.once('close', resolve))
  stream.resetAndDestroy?.()
  await reset
  const failure: (Error & { code?: string }) | null = network.links[0]!.server.errored
  assert.equal(failure?.code, 'ECONNRESET')
  await web.close()
})
