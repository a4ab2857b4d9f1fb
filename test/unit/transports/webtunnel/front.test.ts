import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Connection } from '../../../../src/core/connection.ts'
import type { ByteStream } from '../../../../src/core/platform.ts'
import { createMemoryPlatform, type MemoryPlatform } from '../../../../src/testing/memory-platform.ts'
import { type WebtunnelServerInput, webtunnel } from '../../../../src/transports/webtunnel/index.ts'

interface Scene {
  readonly platform: MemoryPlatform
  readonly connections: Connection[]
  readonly drops: () => number
  /** Connects and writes; returns what comes, and whether it has ended. */
  readonly ask: (bytes: string | Buffer) => Promise<{ text: string; isEnded: boolean; stream: ByteStream }>
}

async function openScene(t: TestContext, options: Partial<WebtunnelServerInput> = {}): Promise<Scene> {
  const platform = createMemoryPlatform()
  const connections: Connection[] = []
  let dropCount = 0
  const server = webtunnel.server({ url: 'https://bridge.example/secret', ...options }, { platform })
  const listener = server.listen({ host: '127.0.0.1', port: 80 })
  listener.on('connection', (connection) => void connections.push(connection.on('error', () => {})))
  listener.on('drop', () => (dropCount += 1))
  await platform.clock.settle()
  t.after(() => {
    listener.close()
    listener.closeAllConnections()
  })
  const ask: Scene['ask'] = async (bytes) => {
    const stream = await platform.dialer.dial({ host: '127.0.0.1', port: 80 }, { signal: new AbortController().signal })
    const seen = { text: '', isEnded: false, stream }
    stream.on('error', () => {}).on('data', (chunk: Buffer) => (seen.text += chunk.toString('latin1')))
    stream.on('end', () => (seen.isEnded = true)).on('close', () => (seen.isEnded = true))
    stream.write(bytes)
    await platform.clock.settle()
    return seen
  }
  return { platform, connections, drops: () => dropCount, ask }
}

const UPGRADE = 'Connection: upgrade\r\nUpgrade: websocket\r\n'
const tunnel = (fields = ''): string => `GET /secret HTTP/1.1\r\nHost: x\r\n${fields}${UPGRADE}\r\n`
const HEADER = 'PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n'

test('everything but a GET of the path that asks for websocket gets one and the same answer', async (t) => {
  const { ask, connections } = await openScene(t)
  const answers = new Set<string>()
  for (const request of [
    `GET /other HTTP/1.1\r\nHost: x\r\n\r\n`,
    `GET /other HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`,
    `GET /secret HTTP/1.1\r\nHost: x\r\n\r\n`,
    `GET /secret/ HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`,
    `GET /secre HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`,
    `GET /Secret HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`,
    `POST /secret HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`,
    `GET /secret HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n`,
    `GET /secret HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\nUpgrade: websocket\r\n\r\n`,
  ])
    answers.add((await ask(request)).text.replace(/\r\nDate: [^\r]*/, ''))
  assert.equal(answers.size, 1, [...answers].join('\n'))
  assert.match([...answers][0]!, /^HTTP\/1\.1 404 /)
  assert.equal(connections.length, 0)
  assert.match((await ask(tunnel().replace('/secret', '/secret?x=1'))).text, /^HTTP\/1\.1 101 /)
})

test('a PROXY header tells who the client is; what comes with it is not lost, nor X-Forwarded-For believed', async (t) => {
  const { platform, ask, connections } = await openScene(t, { proxyProtocol: 'loopback' })
  await ask(`${HEADER}${tunnel('X-Forwarded-For: 192.0.2.66\r\n')}early`)
  assert.deepEqual([connections[0]?.remoteAddress, connections[0]?.remotePort], ['203.0.113.9', 4711])
  assert.equal(String(connections[0]!.read()), 'early')
  const { stream, text } = await ask(HEADER.slice(0, 20))
  assert.equal(text, '')
  stream.write(HEADER.slice(20))
  await platform.clock.settle()
  stream.write(tunnel())
  await platform.clock.settle()
  await platform.clock.advance(50)
  assert.equal(connections[1]?.remoteAddress, '203.0.113.9')
})

test('who brings no PROXY header is ended without an answer: at once, or after 10 s', async (t) => {
  const { platform, ask, connections } = await openScene(t, { proxyProtocol: 'loopback' })
  const without = await ask(tunnel())
  assert.deepEqual([without.text, without.isEnded], ['', true])
  const slow = await ask('PROXY ')
  await platform.clock.advance(9_999)
  assert.equal(slow.isEnded, false)
  await platform.clock.advance(1)
  assert.deepEqual([slow.text, slow.isEnded], ['', true])
  assert.equal(connections.length, 0)
})

test('of those whose PROXY header is not whole 1,024 wait, and more are turned away', async (t) => {
  const { ask, drops } = await openScene(t, { proxyProtocol: 'always' })
  for (let count = 0; count < 1_024; count++) await ask('P')
  assert.equal(drops(), 0)
  assert.equal((await ask('P')).isEnded, true)
  assert.equal(drops(), 1)
})

test('without trust a PROXY header is no request, and X-Forwarded-For says nothing', async (t) => {
  const { platform, ask, connections } = await openScene(t, { trustForwardedFor: 'never' })
  assert.match((await ask(`${HEADER}${tunnel()}`)).text, /^HTTP\/1\.1 400 /)
  await ask(tunnel('X-Forwarded-For: 192.0.2.66\r\n'))
  await platform.clock.advance(50)
  assert.deepEqual(
    connections.map(({ remoteAddress }) => remoteAddress),
    ['127.0.0.1'],
  )
})
