import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { type TestContext, describe, test } from 'node:test'
import type { Connection, Transport } from 'pluggable-transports'
import { hostTransport } from 'pluggable-transports/host'
import { scramblesuit } from 'pluggable-transports/scramblesuit'
import type { Arguments } from '../../src/core/transport.ts'
import { startApplicationServer } from '../support/application-server.ts'
import { closedPort } from '../support/closed-port.ts'
import { exchange } from '../support/exchange.ts'
import { exchangePackets } from '../support/packet-exchange.ts'
import { stunMessage } from '../support/packet-worlds.ts'
import { poll } from '../support/poll.ts'
import { ptkitPath } from '../support/ptkit.ts'
import { startPtkit, startPtkitClient, startPtkitServer } from '../support/ptkit-process.ts'
import { parseServerMethod, portOf } from '../support/method-lines.ts'
import { pluginOptionsOf } from '../support/shadowsocks.ts'
import { connectThroughSocks } from '../support/socks-client.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const HOST = '127.0.0.1'
const SHORT = { toRight: 100_000, toLeft: 100_000 }
const LIMIT_MS = 10_000

/** Starts both sides by flags, in version 3.0 and a mode that is no SOCKS. */
async function startPair(t: TestContext, mode: string, target: string): Promise<{ method: string; port: number }> {
  const common = ['-ptversion', '3.0', '-transports', 'scramblesuit', '-mode', mode]
  const place = ['-server', '-state', await temporaryDirectory(t), '-bindaddr', `scramblesuit-${HOST}:0`]
  const server = startPtkit(t, {}, [...common, ...place, '-target', target])
  const { port, clientArguments } = parseServerMethod(await server.line('SMETHOD scramblesuit '))
  const options = JSON.stringify({ scramblesuit: clientArguments })
  const way = ['-client', '-state', await temporaryDirectory(t), '-target', `${HOST}:${port}`, '-options', options]
  const client = startPtkit(t, {}, [...common, ...way])
  const line = await client.line('CMETHOD scramblesuit ')
  await client.line('CMETHODS DONE')
  const [, , method] = line.split(' ')
  return { method: method!, port: portOf(line) }
}

/** Connects; undefined where nobody listens yet. */
async function tryConnect(t: TestContext, port: number): Promise<Socket | undefined> {
  const socket = connect({ port, host: HOST })
  t.after(() => socket.destroy())
  const outcome = await new Promise((resolve) => {
    socket.once('connect', () => resolve('connected')).on('error', resolve)
  })
  return outcome === 'connected' ? socket : undefined
}

describe('ScrambleSuit by name', { timeout: 60_000 }, () => {
  for (const version of ['1', '3.0']) {
    test(`as SOCKS, by version ${version} on both sides`, async (t) => {
      const application = await startApplicationServer(t)
      const environment = { TOR_PT_MANAGED_TRANSPORT_VER: version }
      const names = { TOR_PT_SERVER_TRANSPORTS: 'scramblesuit', TOR_PT_ORPORT: `${HOST}:${application.port}` }
      const server = await startPtkitServer(t, await temporaryDirectory(t), { ...environment, ...names })
      const client = await startPtkitClient(t, await temporaryDirectory(t), {
        ...environment,
        TOR_PT_CLIENT_TRANSPORTS: 'scramblesuit',
      })
      for (let count = 0; count < 2; count++) {
        const near = await connectThroughSocks(client.socksPort, server.port, server.clientArguments)
        t.after(() => near.destroy())
        await exchange(near, await application.arrivals.next(), SHORT)
      }
    })
  }

  test('as transparent-TCP', async (t) => {
    const application = await startApplicationServer(t)
    const { method, port } = await startPair(t, 'transparent-TCP', `${HOST}:${application.port}`)
    assert.equal(method, 'transparent-TCP')
    for (let count = 0; count < 2; count++) {
      const near = (await tryConnect(t, port))!
      await exchange(near, await application.arrivals.next(), SHORT)
    }
  })

  for (const [mode, packets] of [
    ['transparent-UDP', [Buffer.from('a'), Buffer.alloc(60_000, 'b')]],
    ['STUN', [stunMessage('one'), stunMessage('two')]],
  ] as const) {
    test(`as ${mode}`, async (t) => {
      const target = createSocket('udp4').bind(0, HOST)
      t.after(() => target.close())
      target.on('message', (packet, { port, address }) => target.send(packet, port, address))
      await once(target, 'listening')
      const { method, port } = await startPair(t, mode, `${HOST}:${target.address().port}`)
      assert.equal(method, mode)
      for (const packet of packets) {
        const application = createSocket('udp4')
        t.after(() => application.close())
        const answered = once(application, 'message')
        application.send(packet, port, HOST)
        assert.ok(packet.equals((await answered)[0] as Buffer))
      }
    })
  }

  test('as a plugin of shadowsocks, whose client keeps its tickets', async (t) => {
    const application = await startApplicationServer(t)
    const [remote, local] = [await closedPort(), await closedPort()]
    const environmentOf = (port: number, options: string) => ({
      SS_REMOTE_HOST: HOST,
      SS_REMOTE_PORT: String(remote),
      SS_LOCAL_HOST: HOST,
      SS_LOCAL_PORT: String(port),
      SS_PLUGIN_OPTIONS: options,
    })
    const serverOptions = `server;transport=scramblesuit;state=${await temporaryDirectory(t)}`
    const options = await pluginOptionsOf(startPtkit(t, environmentOf(application.port, serverOptions)))
    assert.match(options, /^transport=scramblesuit;password=[A-Z2-7]{32}$/)
    startPtkit(t, environmentOf(local, `${options};state=${await temporaryDirectory(t)}`))
    let near = await poll('the plugin of the client', LIMIT_MS, () => tryConnect(t, local))
    await exchange(near, await application.arrivals.next(), SHORT)
    near = (await tryConnect(t, local))!
    await exchange(near, await application.arrivals.next(), SHORT)
  })

  for (const [way, pick] of [
    ['from its client', (hosted: Transport) => [hosted, scramblesuit]],
    ['to its server', (hosted: Transport) => [scramblesuit, hosted]],
  ] as const) {
    test(`through the adapter of a host, streams and packets, ${way}`, async (t) => {
      for (const packets of [undefined, { framing: 'length-prefix' }] as const) {
        const hosted = hostTransport({ command: ptkitPath, stateDir: await temporaryDirectory(t) }, 'scramblesuit')
        t.after(() => hosted.close())
        const [from, to] = pick(hosted) as [Transport, Transport]
        const listener = to.server({}).listen({ host: HOST, port: 0, ...(packets && { packets }) })
        t.after(() => (listener.close(), listener.closeAllConnections()))
        await once(listener, 'listening')
        const { port } = listener.address() as { readonly port: number }
        const connectTo = (args: Arguments) => from.client(args)
        if (packets !== undefined) {
          await exchangePackets(listener, { connectTo, port, framing: packets.framing })
          continue
        }
        const arrived = once(listener, 'connection')
        const near = connectTo(listener.clientArguments).connect({ host: HOST, port })
        t.after(() => near.destroy())
        await exchange(near, (await arrived)[0] as Connection, SHORT)
      }
    })
  }
})
