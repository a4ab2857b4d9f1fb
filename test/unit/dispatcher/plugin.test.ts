import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { PtError } from '../../../src/core/errors.ts'
import type { ByteStream, TcpAddress } from '../../../src/core/platform.ts'
import { createRegistry } from '../../../src/core/registry.ts'
import type { Logger, Transport } from '../../../src/core/transport.ts'
import { type StartedPlugin, preparePlugin } from '../../../src/dispatcher/plugin.ts'
import type { PluginConfig } from '../../../src/ipc/sip003.ts'
import { type MemoryPlatform, createMemoryPlatform, plain } from '../../../src/testing/index.ts'
import { obfs4 } from '../../../src/transports/obfs4/index.ts'
import { webtunnel } from '../../../src/transports/webtunnel/index.ts'
import { createArrivalQueue } from '../../support/arrivals.ts'
import { readExactly } from '../../support/read-exactly.ts'

const BRIDGE: TcpAddress = { host: '192.0.2.7', port: 443 }
const SS_LOCAL: TcpAddress = { host: '127.0.0.1', port: 1984 }
const SS_SERVER: TcpAddress = { host: '127.0.0.1', port: 8388 }
const CONFIG: PluginConfig = {
  role: 'client',
  transport: { name: 'plain', arguments: {} },
  remote: { hosts: [BRIDGE.host], port: BRIDGE.port },
  local: SS_LOCAL,
  stateLocation: undefined,
  logFileLevel: undefined,
  unsafeLogging: false,
}
const SERVER: PluginConfig = { ...CONFIG, role: 'server', local: SS_SERVER }

function prepare(changes: Partial<PluginConfig>, platform = createMemoryPlatform(), logger: Logger = {}) {
  const registry = createRegistry<Transport>([plain, obfs4, webtunnel])
  const config = { ...CONFIG, ...changes }
  return preparePlugin({ config, registry, platform, logger, onListenerFailed: () => {} })
}

async function dial(platform: MemoryPlatform, address: TcpAddress): Promise<ByteStream> {
  const stream = await platform.network.dial(address, { signal: new AbortController().signal })
  return stream.on('error', () => {})
}

/** Lets streams arrive on an address, paused as a binder gives them. */
async function listen(platform: MemoryPlatform, address: TcpAddress) {
  const arrivals = createArrivalQueue<ByteStream>()
  const onStream = (stream: ByteStream): void => arrivals.add(stream.on('error', () => {}))
  await platform.network.bind(address, { onStream, onError: () => {} })
  return arrivals
}

/** Both plugins on one network, with the two halves of shadowsocks that they stand between. */
async function startPair(name: 'plain' | 'obfs4') {
  const platform = createMemoryPlatform()
  const transport = { name, arguments: {} }
  const applications = await listen(platform, SS_SERVER)
  const server = await prepare({ ...SERVER, transport, stateLocation: '/state' }, platform).start()
  const client = await prepare({ transport: { name, arguments: server.clientArguments! } }, platform).start()
  const near = await dial(platform, SS_LOCAL)
  const stop = async (): Promise<void> => {
    await Promise.all([client, server].map((plugin: StartedPlugin) => plugin.stop()))
  }
  return { platform, near, far: await applications.next(), client, server, stop }
}

for (const name of ['plain', 'obfs4'] as const) {
  test(`two plugins carry bytes both ways through ${name}, and the end of each direction by itself`, async () => {
    const { near, far, stop } = await startPair(name)
    near.end('question')
    assert.equal((await readExactly(far, 8)).toString(), 'question')
    await once(far.resume(), 'end')
    far.end('an answer after the end of the question')
    assert.equal((await readExactly(near, 39)).toString(), 'an answer after the end of the question')
    await once(near.resume(), 'end')
    await stop()
  })

  test(`a plugin of ${name} that is stopped leaves no stream and no listener`, async () => {
    const { platform, near, far, client, server } = await startPair(name)
    await client.stop()
    await server.stop()
    assert.equal(platform.network.bindingCount, 1)
    for (const stream of [near, far]) stream.destroy()
    await platform.clock.settle()
    assert.equal(platform.network.openStreamCount, 0)
  })
}

test('the server tells what clients need, and a client needs to tell nothing', async () => {
  const { client, server, stop } = await startPair('obfs4')
  assert.deepEqual(Object.keys(server.clientArguments!), ['cert', 'iat-mode'])
  assert.equal(client.clientArguments, undefined)
  await stop()
})

test('the identity of a server is in its state directory', async () => {
  const platform = createMemoryPlatform()
  const transport = { name: 'obfs4', arguments: { 'iat-mode': '1' } }
  const start = () => prepare({ ...SERVER, transport, stateLocation: '/state' }, platform).start()
  const first = await start()
  await first.stop()
  const second = await start()
  assert.deepEqual(second.clientArguments, first.clientArguments)
  assert.equal(second.clientArguments!['iat-mode'], '1')
  await second.stop()
})

test('a server listens on each of its addresses, an IPv6 one beside others for IPv6 alone', async () => {
  const platform = createMemoryPlatform()
  const bound: unknown[] = []
  const binder: typeof platform.binder = {
    bind: (address, handlers) => {
      bound.push(address)
      return platform.binder.bind(address, handlers)
    },
  }
  const watched = { ...platform, binder } as MemoryPlatform
  const remote = { hosts: ['192.0.2.7', '2001:db8::7'], port: 443 }
  const plugin = await prepare({ ...SERVER, remote }, watched).start()
  assert.deepEqual(bound, [
    { port: 443, host: '192.0.2.7', ipv6Only: false },
    { port: 443, host: '2001:db8::7', ipv6Only: true },
  ])
  await plugin.stop()
  assert.equal(platform.network.bindingCount, 0)
})

test('a server that cannot have one of its addresses listens on none', async () => {
  const platform = createMemoryPlatform()
  await listen(platform, { host: '192.0.2.8', port: 443 })
  const remote = { hosts: ['192.0.2.7', '192.0.2.8'], port: 443 }
  await assert.rejects(prepare({ ...SERVER, remote }, platform).start(), { code: 'EADDRINUSE' })
  assert.equal(platform.network.bindingCount, 1)
})

test('a client tries the addresses of its server one after the other', async () => {
  const platform = createMemoryPlatform()
  const arrivals = await listen(platform, { host: 'bridge.example', port: 443 })
  const remote = { hosts: ['192.0.2.9', '2001:db8::9', 'bridge.example'], port: 443 }
  const plugin = await prepare({ remote }, platform).start()
  const near = await dial(platform, SS_LOCAL)
  const far = await arrivals.next()
  near.write('hello')
  assert.equal((await readExactly(far, 5)).toString(), 'hello')
  await plugin.stop()
})

for (const [what, given, address] of [
  ['its host says, whatever the URL', {}, BRIDGE],
  ['its options say', { addr: '192.0.2.9:8080' }, { host: '192.0.2.9', port: 8080 }],
] as const)
  test(`a client of a transport with a URL goes where ${what}`, async () => {
    const platform = createMemoryPlatform()
    const arrivals = await listen(platform, address)
    const transport = { name: 'webtunnel', arguments: { url: 'http://front.example/secret', ...given } }
    const plugin = await prepare({ transport }, platform).start()
    await dial(platform, SS_LOCAL)
    const far = await arrivals.next()
    const head = (await readExactly(far, 50)).toString()
    assert.match(head, /^GET \/secret HTTP\/1\.1\r\nHost: front\.example\r\n/)
    await plugin.stop()
  })

test('a client whose server does not answer resets the application, and warns once until it has answered', async () => {
  const platform = createMemoryPlatform()
  const events: string[] = []
  const logger: Logger = {
    warn: (event) => void events.push(`warn ${event}`),
    debug: (event) => void (event === 'dispatcher:connect-failed' && events.push(`debug ${event}`)),
  }
  const plugin = await prepare({}, platform, logger).start()
  const fail = async (): Promise<void> => {
    const near = await platform.network.dial(SS_LOCAL, { signal: new AbortController().signal })
    await assert.rejects(once(near.resume(), 'end'), { code: 'ECONNRESET' })
  }
  await fail()
  await fail()
  assert.deepEqual(events, ['warn dispatcher:connect-failed', 'debug dispatcher:connect-failed'])
  const acceptor = await platform.network.bind(BRIDGE, {
    onStream: (stream) => void stream.on('error', () => {}),
    onError: () => {},
  })
  await dial(platform, SS_LOCAL)
  await platform.clock.settle()
  await acceptor.close()
  await fail()
  assert.equal(events.at(-1), 'warn dispatcher:connect-failed')
  await plugin.stop()
})

for (const [what, changes, code, message] of [
  ['an unknown transport', { transport: { name: 'obsf4', arguments: {} } }, 'PT_TRANSPORT_UNKNOWN', /obfs4/],
  ['an unknown option', { transport: { name: 'plain', arguments: { a: 'b' } } }, 'PT_OPTION_UNKNOWN', /"a"/],
  ['a missing option', { transport: { name: 'obfs4', arguments: {} } }, 'PT_OPTION_MISSING', /"cert"/],
  ['a bad option', { transport: { name: 'obfs4', arguments: { cert: 'x' } } }, 'PT_OPTION_INVALID', /"cert"/],
  [
    "a client's option",
    { ...SERVER, stateLocation: 's', transport: { name: 'obfs4', arguments: { cert: 'x' } } },
    'PT_OPTION_UNKNOWN',
    /"cert"/,
  ],
  [
    'a server without its state',
    { ...SERVER, transport: { name: 'obfs4', arguments: {} } },
    'PT_OPTION_MISSING',
    /"state"/,
  ],
] as const)
  test(`${what} is refused before anything is listened on or written`, () => {
    const platform = createMemoryPlatform()
    assert.throws(
      () => prepare(changes, platform),
      (error) => error instanceof PtError && error.code === code && message.test(error.message),
    )
    assert.equal(platform.network.bindingCount, 0)
  })

test('a server without state needs no directory where its transport keeps none', async () => {
  const plugin = await prepare(SERVER).start()
  await plugin.stop()
})
