import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { ByteStream } from '../../../src/core/platform.ts'
import { createRegistry } from '../../../src/core/registry.ts'
import type { Transport } from '../../../src/core/transport.ts'
import { runDispatcher } from '../../../src/dispatcher/index.ts'
import type { ServerConfig } from '../../../src/ipc/config.ts'
import { createMemoryPlatform, plain } from '../../../src/testing/index.ts'
import { obfs4 } from '../../../src/transports/obfs4/index.ts'
import { createArrivalQueue } from '../../support/arrivals.ts'
import { VERSION_1, VERSION_3, createLines } from '../../support/ipc-lines.ts'
import { readExactly } from '../../support/read-exactly.ts'

const bind = { host: '127.0.0.1', port: 4430 }
const application = { host: '203.0.113.9', port: 9001 }
const config: ServerConfig = {
  role: 'server',
  version: VERSION_1,
  stateLocation: 'state',
  exitOnStdinClose: false,
  mode: 'socks5',
  udpIdleTimeoutMs: 120_000,
  outbound: {},
  ipcLogLevel: 'NONE',
  logFileLevel: undefined,
  unsafeLogging: false,
  transports: [{ name: 'plain', arguments: {}, bind }],
  application: { kind: 'plain', address: application },
}
const registry = createRegistry<Transport>([plain, obfs4])

test('dials the application server from the outbound addresses', async () => {
  const platform = createMemoryPlatform()
  const dials: string[] = []
  const createDialer = (source: string) => ({
    dial: (address: object) => {
      dials.push(`${source} ${Object.values(address).join(' ')}`)
      return Promise.reject(new Error('recorded'))
    },
  })
  const outbound = { v4: '198.51.100.1' }
  const { lines } = createLines(VERSION_1)
  const dispatcher = runDispatcher({ config: { ...config, outbound }, lines, registry, platform, createDialer })
  await dispatcher.ready
  const client = plain.client({}, { platform }).connect({ ...bind, allowHalfOpen: true })
  client.on('error', () => {}).resume()
  await once(client, 'end')
  assert.deepEqual(dials, ['198.51.100.1 203.0.113.9 9001'])
  await dispatcher.stop()
})

test('serves with one transport while another is refused', async () => {
  for (const [version, stream] of [
    [VERSION_1, 'out'],
    [VERSION_3, 'err'],
  ] as const) {
    const platform = createMemoryPlatform()
    const arrivals = createArrivalQueue<ByteStream>()
    await platform.network.bind(application, { onStream: (each) => arrivals.add(each), onError: () => {} })
    const refused = { name: 'obfs4', arguments: { 'iat-mode': '9' }, bind: { ...bind, port: 4431 } }
    const { lines, ...written } = createLines(version)
    const transports = [refused, ...config.transports]
    const dispatcher = runDispatcher({ config: { ...config, version, transports }, lines, registry, platform })
    await dispatcher.ready
    assert.ok(written[stream].some((line) => line.startsWith('SMETHOD-ERROR obfs4 ')))
    assert.deepEqual(written.out.slice(-2), ['SMETHOD plain 127.0.0.1:4430', 'SMETHODS DONE'])
    const client = plain.client({}, { platform }).connect({ ...bind, allowHalfOpen: true })
    client.write('question')
    assert.equal((await readExactly(await arrivals.next(), 8)).toString(), 'question')
    await dispatcher.stop()
  }
})
