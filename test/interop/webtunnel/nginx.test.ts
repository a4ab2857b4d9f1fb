import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type Socket, connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, describe, test } from 'node:test'
import type { Connection } from '../../../src/core/connection.ts'
import { systemPlatform } from '../../../src/platform/index.ts'
import { createNetDialer } from '../../../src/platform/net-dialer.ts'
import { webtunnel } from '../../../src/transports/webtunnel/index.ts'
import { startApplicationServer } from '../../support/application-server.ts'
import type { ArrivalQueue } from '../../support/arrivals.ts'
import { hashChain } from '../../support/chain-hash.ts'
import { closedPort } from '../../support/closed-port.ts'
import { exchange } from '../../support/exchange.ts'
import { COOKIE_FILE, OKAY, acceptClient } from '../../support/extended-orport-server.ts'
import {
  makeCertificate,
  skipWithoutNginx,
  skipWithoutNginxStream,
  startNginx,
  tunnelServer,
} from '../../support/nginx.ts'
import { startPtkitClient, startPtkitServer } from '../../support/ptkit-process.ts'
import { runCommand } from '../../support/run-command.ts'
import { connectThroughSocks } from '../../support/socks-client.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const MIB = 1024 * 1024
const PATH = '/se%20cret/path'
const LOCATION = '"/se cret/path"'

interface Chain {
  readonly nginxPort: number
  readonly serverPort: number
  readonly url: string
  readonly certificate: string
  readonly arrivals: ArrivalQueue<Socket>
  readonly clientArguments: Readonly<Record<string, string>>
}

/** Starts nginx with TLS in front of ptkit's server, as tor would. */
async function startChain(t: TestContext, environment: NodeJS.ProcessEnv = {}): Promise<Chain> {
  const directory = await temporaryDirectory(t)
  const made = makeCertificate(directory)
  const { port: applicationPort, arrivals } = await startApplicationServer(t)
  const [nginxPort, serverPort] = [await closedPort(), await closedPort()]
  const url = `https://bridge.example:${nginxPort}${PATH}`
  const cookieFile = join(directory, 'cookie')
  await writeFile(cookieFile, COOKIE_FILE)
  const orPort = environment['TOR_PT_AUTH_COOKIE_FILE'] === undefined ? 'TOR_PT_ORPORT' : 'TOR_PT_EXTENDED_SERVER_PORT'
  const { clientArguments } = await startPtkitServer(t, directory, {
    TOR_PT_SERVER_TRANSPORTS: 'webtunnel',
    TOR_PT_SERVER_BINDADDR: `webtunnel-127.0.0.1:${serverPort}`,
    TOR_PT_SERVER_TRANSPORT_OPTIONS: `webtunnel:url=${url}`,
    TOR_PT_ORPORT: '127.0.0.1:1',
    ...environment,
    ...(orPort === 'TOR_PT_EXTENDED_SERVER_PORT' && { TOR_PT_AUTH_COOKIE_FILE: cookieFile }),
    [orPort]: `127.0.0.1:${applicationPort}`,
  })
  await startNginx(t, { servers: tunnelServer(made, { port: nginxPort, path: LOCATION, serverPort }), port: nginxPort })
  return { nginxPort, serverPort, url, certificate: made.certificate, arrivals, clientArguments }
}

describe("behind Debian's nginx", { skip: skipWithoutNginx }, () => {
  test('ptkit on both sides carries 16 MiB each way on each of 4 connections', { timeout: 60_000 }, async (t) => {
    const { nginxPort, url, certificate, arrivals, clientArguments } = await startChain(t)
    assert.equal(clientArguments['url'], url)
    const client = await startPtkitClient(t, await temporaryDirectory(t), { TOR_PT_CLIENT_TRANSPORTS: 'webtunnel' })
    const pin = hashChain(certificate).toString('base64')
    const args = { ...clientArguments, addr: `127.0.0.1:${nginxPort}`, cert: pin }
    for (let count = 0; count < 4; count++) {
      const near = await connectThroughSocks(client.socksPort, 1, args)
      t.after(() => near.destroy())
      const far = await arrivals.next()
      await exchange(near, far, { toRight: 16 * MIB, toLeft: 16 * MIB })
      near.destroy()
      far.destroy()
    }
    await assert.rejects(
      connectThroughSocks(client.socksPort, 1, { ...args, cert: Buffer.alloc(32).toString('base64') }),
    )
    await assert.rejects(connectThroughSocks(client.socksPort, 1, { url, addr: args.addr }), 'self-signed')
  })

  test('an application that speaks first is heard whole', { timeout: 30_000 }, async (t) => {
    const { nginxPort, url, certificate, arrivals } = await startChain(t)
    const factory = webtunnel.client({ url, addr: `127.0.0.1:${nginxPort}`, ca: certificate })
    for (let count = 0; count < 10; count++) {
      const connection = factory.connect({ port: 1 })
      t.after(() => connection.destroy())
      const far = await arrivals.next()
      far.end(`greeting ${count}`)
      let text = ''
      for await (const bytes of connection) text += String(bytes)
      assert.equal(text, `greeting ${count}`)
    }
  })

  test("the Extended ORPort is told the client's address by X-Forwarded-For", { timeout: 30_000 }, async (t) => {
    const { nginxPort, serverPort, url, certificate, arrivals } = await startChain(t, {
      TOR_PT_AUTH_COOKIE_FILE: 'yes',
    })
    const factory = webtunnel.client({ url, addr: `127.0.0.1:${nginxPort}`, ca: certificate })
    const connection = factory.connect({ port: 1 })
    t.after(() => connection.destroy())
    const far = await arrivals.next()
    assert.deepEqual([...(await acceptClient(far)).values()], ['127.0.0.1:60000', 'webtunnel'])
    far.end(OKAY)
    // What the client itself claims stands before what the proxy adds.
    const claimed = [
      '-H',
      'X-Forwarded-For: 192.0.2.66, 203.0.113.7',
      '-H',
      'Connection: upgrade',
      '-H',
      'Upgrade: websocket',
    ]
    void runCommand(t, 'curl', ['-s', '-m', '5', ...claimed, `http://127.0.0.1:${serverPort}${PATH}`])
    assert.equal((await acceptClient(await arrivals.next())).get(1), '203.0.113.7:60000')
  })

  test('curl sees the site everywhere else, and 101 at the path alone', { timeout: 30_000 }, async (t) => {
    const { nginxPort, serverPort } = await startChain(t)
    const ask = async (url: string, ...args: string[]): Promise<string> =>
      (await runCommand(t, 'curl', ['-s', '-i', '-k', '-m', '3', '--http1.1', ...args, url])).stdout.toString()
    const upgrade = ['-H', 'Connection: upgrade', '-H', 'Upgrade: websocket']
    const [outside, inside] = [`https://127.0.0.1:${nginxPort}`, `http://127.0.0.1:${serverPort}`]
    assert.match(await ask(`${outside}/`), /^HTTP\/1\.1 200 OK\r\n.*the site of nginx/s)
    assert.match(await ask(`${outside}/other`, ...upgrade), /^HTTP\/1\.1 404 /)
    assert.match(await ask(`${outside}${PATH}`), /^HTTP\/1\.1 404 /)
    assert.match(await ask(`${inside}${PATH}`, '-H', 'Connection: upgrade', '-H', 'Upgrade: h2c'), /^HTTP\/1\.1 404 /)
    for (const base of [outside, inside]) {
      const answer = await ask(`${base}${PATH}`, ...upgrade)
      assert.match(answer, /^HTTP\/1\.1 101 Switching Protocols\r\n/)
      assert.match(answer, /^connection: upgrade\r$/im)
      assert.match(answer, /^upgrade: websocket\r$/im)
    }
  })
})

describe('alone, with TLS', { skip: skipWithoutNginx }, () => {
  test('curl sees a site of files, and clients get through at the path', { timeout: 30_000 }, async (t) => {
    const directory = await temporaryDirectory(t)
    const { certificatePath, keyPath, certificate } = makeCertificate(directory)
    const site = await temporaryDirectory(t)
    await writeFile(join(site, 'index.html'), '<h1>our own site</h1>')
    const url = 'https://bridge.example/secret'
    const server = webtunnel.server({ url, tlsCert: certificatePath, tlsKey: keyPath, site })
    const listener = server.listen({ host: '127.0.0.1', port: 0 })
    listener.on('connection', (connection) => connection.on('error', () => {}).pipe(connection))
    await once(listener, 'listening')
    t.after(() => {
      listener.close()
      listener.closeAllConnections()
    })
    const { port } = listener.address() as { port: number }
    const ask = async (path: string, ...args: string[]): Promise<string> => {
      const base = ['-s', '-i', '-m', '5', '--cacert', certificatePath, '--resolve', `bridge.example:${port}:127.0.0.1`]
      return (
        await runCommand(t, 'curl', [...base, ...args, `https://bridge.example:${port}${path}`])
      ).stdout.toString()
    }
    assert.match(await ask('/'), /^HTTP\/1\.1 200 OK\r\n.*our own site/s)
    assert.match(await ask('/', '-I'), /^HTTP\/1\.1 200 OK\r\n.*Content-Length: 21\r\n[^<]*$/s)
    assert.match(await ask('/secret'), /^HTTP\/1\.1 404 /)
    assert.match(await ask('/', '-X', 'POST', '-d', 'x'), /^HTTP\/1\.1 405 /)
    const factory = webtunnel.client({ url, dial: 'destination', cert: hashChain(certificate).toString('base64') })
    const connection = factory.connect({ host: '127.0.0.1', port })
    t.after(() => connection.destroy())
    connection.end('through')
    let text = ''
    for await (const bytes of connection) text += String(bytes)
    assert.equal(text, 'through')
  })

  test(
    "a header of the PROXY protocol tells the client's address, and X-Forwarded-For nothing",
    { timeout: 30_000 },
    async (t) => {
      const server = webtunnel.server({ url: 'http://bridge.example/secret', proxyProtocol: 'loopback' })
      const listener = server.listen({ host: '127.0.0.1', port: 0 })
      await once(listener, 'listening')
      t.after(() => {
        listener.close()
        listener.closeAllConnections()
      })
      const { port } = listener.address() as { port: number }
      const client = connect({ host: '127.0.0.1', port })
      t.after(() => client.destroy())
      client.write('PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n')
      client.write('GET /secret HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.66\r\n')
      client.write('Connection: upgrade\r\nUpgrade: websocket\r\n\r\n')
      const [connection] = (await once(listener, 'connection')) as [{ remoteAddress: string; remotePort: number }]
      assert.deepEqual([connection.remoteAddress, connection.remotePort], ['203.0.113.9', 4711])
    },
  )
})

describe("behind Debian's nginx as a proxy of streams", { skip: skipWithoutNginxStream }, () => {
  test('its header of the PROXY protocol tells the address of the client', { timeout: 30_000 }, async (t) => {
    const made = makeCertificate(await temporaryDirectory(t))
    const url = 'https://bridge.example/secret'
    const tls = { tlsCert: made.certificatePath, tlsKey: made.keyPath }
    const server = webtunnel.server({ url, ...tls, proxyProtocol: 'loopback', trustForwardedFor: 'never' })
    const listener = server.listen({ host: '127.0.0.1', port: 0 })
    await once(listener, 'listening')
    t.after(() => {
      listener.close()
      listener.closeAllConnections()
    })
    const nginxPort = await closedPort()
    const { port } = listener.address() as { port: number }
    const passed = `proxy_pass 127.0.0.1:${port}; proxy_protocol on;`
    await startNginx(t, { streams: `server { listen 127.0.0.1:${nginxPort}; ${passed} }`, port: nginxPort })
    const platform = { ...systemPlatform, dialer: createNetDialer({ localAddress: '127.0.0.9' }) }
    const factory = webtunnel.client({ url, addr: `127.0.0.1:${nginxPort}`, ca: made.certificate }, { platform })
    const near = factory.connect({ port: 1 })
    t.after(() => near.destroy())
    const [far] = (await once(listener, 'connection')) as [Connection]
    assert.equal(far.remoteAddress, '127.0.0.9')
    await exchange(near, far, { toRight: MIB, toLeft: MIB })
  })
})
