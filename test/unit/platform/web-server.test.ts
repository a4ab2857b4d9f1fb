import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { type TestContext, test } from 'node:test'
import type { ByteStream } from '../../../src/core/platform.ts'
import type { UpgradeHandlers, WebServer, WebSettings } from '../../../src/core/web.ts'
import { createMemoryPlatform, type MemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { CA_CERTIFICATE, LEAF_CERTIFICATE, LEAF_KEY } from '../../support/certificate-chain.ts'

interface Scene {
  readonly platform: MemoryPlatform
  readonly web: WebServer
  /** Requests for an upgrade that were granted: those of the path /granted. */
  readonly granted: { readonly request: IncomingMessage; readonly stream: ByteStream; readonly head: Buffer }[]
  /** What accept() said, in order. */
  readonly accepted: boolean[]
  readonly connect: () => Promise<ByteStream>
}

const said = {
  handler: (request: IncomingMessage, response: { end(text: string): void }) => response.end(request.url!),
}

async function openScene(t: TestContext, settings: Partial<WebSettings> = {}): Promise<Scene> {
  const platform = createMemoryPlatform()
  const granted: Scene['granted'][number][] = []
  const accepted: boolean[] = []
  const handlers: UpgradeHandlers = {
    isGranted: ({ url }) => url === '/granted',
    onUpgrade: (request, stream, head) => void granted.push({ request, stream, head }),
  }
  const web = (await platform.web.open({ site: said, ...settings })).serve(handlers)
  const onStream = (stream: ByteStream): void => void accepted.push(web.accept(stream.pause()))
  await platform.binder.bind({ port: 80, host: '127.0.0.1' }, { onStream, onError: () => {} })
  const { signal } = new AbortController()
  const connect = async (): Promise<ByteStream> => {
    const stream = await platform.dialer.dial({ host: '127.0.0.1', port: 80 }, { signal })
    return stream.on('error', () => {})
  }
  t.after(() => web.close())
  return { platform, web, granted, accepted, connect }
}

/** Gathers what comes. */
function gather(stream: Duplex): { text: string; isEnded: boolean } {
  const gathered = { text: '', isEnded: false }
  stream.on('data', (bytes: Buffer) => (gathered.text += bytes.toString('latin1')))
  stream.on('close', () => (gathered.isEnded = true)).on('end', () => (gathered.isEnded = true))
  return gathered
}

const get = (path: string, ...headers: string[]): string =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`
const UPGRADE = ['Connection: upgrade', 'Upgrade: websocket']

test('serves request after request on one stream', async (t) => {
  const { platform, connect } = await openScene(t)
  const stream = await connect()
  const answers = gather(stream)
  stream.write(get('/one'))
  await platform.clock.settle()
  assert.match(answers.text, /^HTTP\/1\.1 200 OK\r\n.*\/one/s)
  stream.write(get('/two') + get('/three'))
  await platform.clock.settle()
  assert.match(answers.text, /\/one.*\/two.*\/three/s)
  assert.equal(answers.isEnded, false)
})

test('hands over the stream of a granted upgrade with what follows the request, unanswered, and lets it live', async (t) => {
  const { platform, web, granted, connect } = await openScene(t)
  const stream = await connect()
  const answers = gather(stream)
  stream.write(get('/first'))
  await platform.clock.settle()
  const before = answers.text
  stream.write(`${get('/granted', ...UPGRADE)}behind`)
  await platform.clock.settle()
  assert.equal(granted.length, 1)
  assert.equal(granted[0]!.head.toString(), 'behind')
  assert.equal(answers.text, before)
  await web.close()
  await platform.clock.advance(600_000)
  granted[0]!.stream.write('alive')
  await platform.clock.settle()
  assert.ok(answers.text.endsWith('alive') && !answers.isEnded)
  granted[0]!.stream.destroy()
})

test('answers an upgrade that is not granted as if it had not asked for one, again and again', async (t) => {
  const { platform, granted, connect } = await openScene(t)
  const warnings: Error[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning)
  process.on('warning', onWarning)
  t.after(() => process.off('warning', onWarning))
  const stream = await connect()
  const answers = gather(stream)
  for (let count = 0; count < 30; count++) stream.write(get(`/plain-${count}-`, ...UPGRADE))
  stream.write(get('/kept', 'Connection: keep-alive, Upgrade', 'Upgrade: h2c'))
  await platform.clock.settle()
  for (let count = 0; count < 30; count++) assert.ok(answers.text.includes(`/plain-${count}-`), `${count}`)
  assert.equal(answers.text.match(/HTTP\/1\.1 200 OK/g)?.length, 31)
  assert.equal(answers.text.includes('Connection: close'), false)
  const body = `POST /posted HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n${UPGRADE.join('\r\n')}\r\n\r\nbody`
  stream.write(body)
  await platform.clock.settle()
  stream.write(get('/granted', ...UPGRADE))
  await platform.clock.settle()
  assert.match(answers.text, /\/posted/)
  assert.equal(answers.text.includes('400'), false)
  assert.equal(granted.length, 1, 'a body must not be taken for the next request')
  granted[0]!.stream.destroy()
  const other = await connect()
  const others = gather(other)
  other.write(`GET /granted HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n${UPGRADE.join('\r\n')}\r\n\r\nbody`)
  await platform.clock.settle()
  other.write(get('/next'))
  await platform.clock.settle()
  assert.match(others.text, /\/granted.*\/next/s, 'nor is a request with a body granted')
  assert.equal(granted.length, 1)
  assert.deepEqual(warnings, [])
})

test('begins a request when those before it are answered, and reads no more while some wait', async (t) => {
  const begun: { readonly url: string | undefined; readonly response: ServerResponse }[] = []
  const handler = ({ url }: IncomingMessage, response: ServerResponse): void => void begun.push({ url, response })
  const { platform, web, connect } = await openScene(t, { site: { handler } })
  const stream = await connect()
  const answers = gather(stream)
  stream.write(get('/one') + get('/two', 'Expect: what nobody can') + get('/three'))
  await platform.clock.settle()
  let length = 0
  while (length < 4_194_304 && stream.write(get(`/${'x'.repeat(8_000)}`))) {
    length += 8_000
    await platform.clock.settle()
  }
  assert.ok(length < 4_194_304, 'a visitor can make the server hold whatever it likes')
  for (const url of ['/one', '/two', '/three']) {
    assert.equal(begun.at(-1)?.url, url)
    begun.at(-1)!.response.end(url)
    await platform.clock.settle()
  }
  assert.match(answers.text, /\/one.*\/two.*\/three/s)
  assert.equal(begun.length, 4)
  await web.close()
  begun[3]!.response.end()
  await platform.clock.settle()
  assert.equal(begun.length, 4, 'nothing is begun for who has gone')
})

test('answers CONNECT and what is no HTTP with an error', async (t) => {
  const { platform, connect } = await openScene(t)
  for (const [sent, answer] of [
    ['CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n', /^HTTP\/1\.1 405 /],
    ['\x16\x03\x01\x02\x00\x01\x00\x01', /^HTTP\/1\.1 400 /],
    [`GET / HTTP/1.1\r\nX: ${'x'.repeat(17_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
  ] as const) {
    const stream = await connect()
    const answers = gather(stream)
    stream.write(sent)
    await platform.clock.settle()
    assert.match(answers.text, answer)
    assert.equal(answers.isEnded, true)
  }
})

test('answers 500 where the handler throws or rejects', async (t) => {
  for (const handler of [
    () => {
      throw new Error('thrown')
    },
    () => Promise.reject(new Error('rejected')),
  ]) {
    const { platform, connect } = await openScene(t, { site: { handler } })
    const stream = await connect()
    const answers = gather(stream)
    stream.write(get('/'))
    await platform.clock.settle()
    assert.match(answers.text, /^HTTP\/1\.1 500 /)
  }
})

test('ends who sends no head within 10 s, however it drips', async (t) => {
  const { platform, connect } = await openScene(t)
  const streams = [await connect(), await connect()]
  const sights = streams.map(gather)
  streams[1]!.write('GET / HTTP/1.1\r\nX: ')
  for (let second = 0; second < 10; second++) {
    assert.deepEqual(
      sights.map(({ isEnded }) => isEnded),
      [false, false],
    )
    streams[1]!.write('x')
    await platform.clock.advance(1_000)
  }
  assert.equal(sights[0]!.isEnded, true)
  assert.equal(sights[1]!.isEnded, true)
})

test('ends who asks for nothing more within 15 s, and who takes no response for 60 s', async (t) => {
  const silent = { handler: () => {} }
  const idle = await openScene(t)
  const slow = await openScene(t, { site: silent })
  for (const [{ platform, connect }, limit] of [
    [idle, 15_000],
    [slow, 60_000],
  ] as const) {
    const stream = await connect()
    const sight = gather(stream)
    stream.write(get('/'))
    await platform.clock.settle()
    await platform.clock.advance(limit - 1)
    assert.equal(sight.isEnded, false)
    await platform.clock.advance(1)
    assert.equal(sight.isEnded, true)
    assert.equal(platform.clock.timerCount, 0)
  }
})

test('turns newcomers away when it is full, unless somebody idles', async (t) => {
  const { platform, accepted, connect } = await openScene(t)
  const first = await connect()
  const sight = gather(first)
  first.write(get('/'))
  await platform.clock.settle()
  for (let count = 1; count < 4_096; count++) await connect()
  await platform.clock.settle()
  assert.equal(accepted.every(Boolean), true)
  assert.equal(sight.isEnded, false)
  await connect()
  await platform.clock.settle()
  assert.deepEqual([accepted.at(-1), sight.isEnded], [true, true])
  await connect()
  await platform.clock.settle()
  assert.equal(accepted.at(-1), false)
})

test('close() ends every visitor, whatever it is at, and takes nobody more', async (t) => {
  const { platform, web, accepted, connect } = await openScene(t, { site: { handler: () => {} } })
  const streams = [await connect(), await connect()]
  streams[0]!.write(get('/'))
  streams[1]!.write('GET')
  await platform.clock.settle()
  const ends = streams.map(gather)
  await web.close()
  await platform.clock.settle()
  assert.deepEqual(
    ends.map(({ isEnded }) => isEnded),
    [true, true],
  )
  assert.equal(platform.clock.timerCount, 0)
  await connect()
  await platform.clock.settle()
  assert.equal(accepted.at(-1), false)
})

test('speaks TLS, with visitors and tunnels inside', async (t) => {
  const certificate = { cert: LEAF_CERTIFICATE + CA_CERTIFICATE, key: LEAF_KEY }
  const { platform, granted, connect } = await openScene(t, { tls: certificate })
  const { signal } = new AbortController()
  const settings = { servername: 'bridge.example', ca: CA_CERTIFICATE, alpn: ['http/1.1'], signal }
  const stream = await platform.tls.connect(await connect(), settings)
  assert.equal('alpnProtocol' in stream && stream.alpnProtocol, 'http/1.1')
  const answers = gather(stream)
  stream.write(get('/page') + get('/refused', ...UPGRADE))
  await platform.clock.settle()
  assert.match(answers.text, /\/page.*\/refused/s)
  stream.write(get('/granted', ...UPGRADE))
  await platform.clock.settle()
  assert.equal(granted[0]?.stream.remoteAddress, '127.0.0.1')
  granted[0].stream.resume().write('through')
  await platform.clock.settle()
  assert.ok(answers.text.endsWith('through'))
  const closed = once(granted[0].stream, 'close')
  stream.end()
  granted[0].stream.end()
  await closed
})

test('ends a TLS handshake that is not done within 10 s', async (t) => {
  const { platform, connect } = await openScene(t, { tls: { cert: LEAF_CERTIFICATE, key: LEAF_KEY } })
  const stream = await connect()
  const sight = gather(stream)
  await platform.clock.settle()
  await platform.clock.advance(9_999)
  assert.equal(sight.isEnded, false)
  await platform.clock.advance(1)
  assert.equal(sight.isEnded, true)
  assert.equal(platform.network.links[0]!.server.destroyed, true)
})

test('refuses a certificate that cannot be read or does not fit its key', async () => {
  const { web } = createMemoryPlatform()
  for (const tls of [
    { cert: '/nonexistent/cert.pem', key: LEAF_KEY },
    { cert: LEAF_CERTIFICATE, key: 'nonexistent.pem' },
    { cert: CA_CERTIFICATE, key: LEAF_KEY },
  ])
    await assert.rejects(web.open({ site: said, tls }), { name: 'PtError', code: 'PT_WEB_UNUSABLE' })
})
