import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { startApplicationServer } from '../support/application-server.ts'
import { exchange } from '../support/exchange.ts'
import { parseServerMethod, portOf } from '../support/method-lines.ts'
import { startPtkit, startPtkitClient, startPtkitServer } from '../support/ptkit-process.ts'
import { connectPlain, HOST } from '../support/shadowsocks-link.ts'
import { connectThroughSocks } from '../support/socks-client.ts'
import { skipWithoutShadowsocks, startSsServer } from '../support/shadowsocks-libev.ts'
import { connectThroughSocks5 } from '../support/socks5-connect.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const TIMEOUT_MS = 30_000
const MIB = 1_048_576
const SECRET = { method: 'chacha20-ietf-poly1305', password: 'p4ss/w+rd' } as const
const RETRY_MS = 100

test('tor starts both sides by name, and its destination is the server', { timeout: TIMEOUT_MS }, async (t) => {
  const application = await startApplicationServer(t)
  const options = Object.entries(SECRET).map(([name, value]) => `shadowsocks:${name}=${value}`)
  const server = await startPtkitServer(t, await temporaryDirectory(t), {
    TOR_PT_SERVER_TRANSPORTS: 'shadowsocks',
    TOR_PT_SERVER_TRANSPORT_OPTIONS: options.join(';'),
    TOR_PT_ORPORT: `${HOST}:${application.port}`,
  })
  assert.deepEqual(server.clientArguments, SECRET)
  const client = await startPtkitClient(t, await temporaryDirectory(t), { TOR_PT_CLIENT_TRANSPORTS: 'shadowsocks' })
  const socket = await connectThroughSocks(client.socksPort, server.port, server.clientArguments)
  t.after(() => socket.destroy())
  await exchange(socket, await application.arrivals.next(), { toRight: MIB, toLeft: MIB })
})

async function startServer(t: TestContext, mode: string, target: string): Promise<{ readonly port: number }> {
  const place = ['-server', '-state', await temporaryDirectory(t), '-bindaddr', `shadowsocks-${HOST}:0`]
  const options = ['-options', JSON.stringify({ shadowsocks: SECRET })]
  const server = startPtkit(t, {}, [...common(mode), ...place, ...options, '-target', target])
  const method = parseServerMethod(await server.line('SMETHOD shadowsocks '))
  await server.line('SMETHODS DONE')
  return method
}

async function startClient(t: TestContext, mode: string, serverPort: number): Promise<number> {
  const options = ['-options', JSON.stringify({ shadowsocks: SECRET }), '-target', `${HOST}:${serverPort}`]
  const state = ['-client', '-state', await temporaryDirectory(t)]
  const client = startPtkit(t, {}, [...common(mode), ...state, ...options])
  const method = await client.line('CMETHOD shadowsocks ')
  await client.line('CMETHODS DONE')
  return portOf(method)
}

const common = (mode: string): string[] => ['-ptversion', '3.0', '-transports', 'shadowsocks', '-mode', mode]

test('carries streams in the mode transparent-TCP', { timeout: TIMEOUT_MS }, async (t) => {
  const application = await startApplicationServer(t)
  const server = await startServer(t, 'transparent-TCP', `${HOST}:${application.port}`)
  const near = await connectPlain(t, await startClient(t, 'transparent-TCP', server.port))
  await exchange(near, await application.arrivals.next(), { toRight: MIB, toLeft: MIB })
})

test('carries packets in the mode transparent-UDP, in datagrams of its own', { timeout: TIMEOUT_MS }, async (t) => {
  const [echo, application] = [createSocket('udp4'), createSocket('udp4')]
  for (const socket of [echo, application]) {
    await once(socket.bind(0, HOST), 'listening')
    t.after(() => socket.close())
  }
  echo.on('message', (packet, { port, address }) => echo.send(packet, port, address))
  const server = await startServer(t, 'transparent-UDP', `${HOST}:${echo.address().port}`)
  const port = await startClient(t, 'transparent-UDP', server.port)
  const answered = once(application, 'message') as Promise<[Buffer]>
  const retries = setInterval(() => application.send('packet', port, HOST), RETRY_MS)
  try {
    assert.equal((await answered)[0].toString(), 'packet')
  } finally {
    clearInterval(retries)
  }
})

test(
  'with -target, SOCKS destinations are targets: ptkit is a client of ss-server',
  { skip: skipWithoutShadowsocks, timeout: TIMEOUT_MS },
  async (t) => {
    const application = await startApplicationServer(t)
    const server = await startSsServer(t, SECRET)
    const socksPort = await startClient(t, 'socks5', server.port)
    const near = await connectThroughSocks5(t, socksPort, { host: HOST, port: application.port })
    near.write('first')
    const far = await application.arrivals.next()
    assert.equal((await once(far, 'data'))[0].toString(), 'first')
  },
)
