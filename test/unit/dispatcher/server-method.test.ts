import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { ByteStream } from '../../../src/core/platform.ts'
import { KEEP_ALIVE_DELAY_MS } from '../../../src/dispatcher/route.ts'
import { startServerMethod } from '../../../src/dispatcher/server-method.ts'
import { MemoryStream, createMemoryPlatform, plain } from '../../../src/testing/index.ts'
import { type SettingCall, noteSettings } from '../../support/noted-stream.ts'

const bind = { host: '127.0.0.1', port: 4430 }

/** Serves clients in memory; every application server is a stream of its own that says nothing. */
async function startScene(maxConnections?: number) {
  const platform = createMemoryPlatform()
  const settings: SettingCall[] = []
  let dialCount = 0
  const method = await startServerMethod({
    factory: plain.server({}, { platform }),
    bind,
    dialApplication: async (): Promise<ByteStream> => {
      dialCount++
      return noteSettings(new MemoryStream({}), settings)
    },
    clock: platform.clock,
    logger: {},
    unsafeLogging: false,
    ...(maxConnections !== undefined && { maxConnections }),
  })
  const connect = async () => {
    const client = plain.client({}, { platform }).connect({ ...bind, allowHalfOpen: true })
    client.on('error', () => {})
    await once(client, 'connect')
    await platform.clock.settle()
    return client
  }
  return { method, settings, connect, dialCount: () => dialCount }
}

test('probes an application server that is silent, and holds nothing back for it', async () => {
  const { method, settings, connect } = await startScene()
  await connect()
  assert.deepEqual(settings, [
    ['setNoDelay', true],
    ['setKeepAlive', true, KEEP_ALIVE_DELAY_MS],
  ])
  await method.destroy()
})

test('serves no more clients at once than its limit', async () => {
  for (const [limit, expected] of [
    [1, 1],
    [undefined, 2],
  ] as const) {
    const { method, connect, dialCount } = await startScene(limit)
    await connect()
    await connect()
    assert.equal(dialCount(), expected)
    await method.destroy()
  }
})
