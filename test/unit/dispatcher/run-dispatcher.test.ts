import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { createMemoryPlatform, plain } from '../../../src/testing/index.ts'
import {
  BIND as bind,
  SERVER_CONFIG as config,
  runInMemory,
  startServerWorld as startWorld,
} from '../../support/dispatcher-world.ts'
import { VERSION_1, VERSION_3 } from '../../support/ipc-lines.ts'
import { readExactly } from '../../support/read-exactly.ts'

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
  const application = { kind: 'plain', address: { host: '203.0.113.9', port: 9001 } } as const
  const { dispatcher } = runInMemory({ ...config, application, outbound }, platform, { createDialer })
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
    const refused = { name: 'obfs4', arguments: { 'iat-mode': '9' }, bind: { ...bind, port: 4431 } }
    const transports = [refused, ...config.transports]
    const { arrivals, connect, dispatcher, ...written } = await startWorld({ version, transports })
    assert.ok(written[stream].some((line) => line.startsWith('SMETHOD-ERROR obfs4 ')))
    assert.deepEqual(written.out.slice(-2), ['SMETHOD plain 127.0.0.1:4430', 'SMETHODS DONE'])
    connect().write('question')
    assert.equal((await readExactly(await arrivals.next(), 8)).toString(), 'question')
    await dispatcher.stop()
  }
})
