import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { startTransparentTcp } from '../../../src/dispatcher/transparent-tcp.ts'
import { type MemoryStream, createMemoryPlatform, plain } from '../../../src/testing/index.ts'
import { type SettingCall, noteSettings } from '../../support/noted-stream.ts'

const address = { host: '127.0.0.1', port: 1080 }
const bridge = { host: '192.0.2.7', port: 443 }

/** Takes applications in memory to a PT server that keeps them waiting. */
async function startScene(maxConnections?: number) {
  const platform = createMemoryPlatform()
  await platform.network.bind(bridge, { onStream: (stream) => void stream.on('error', () => {}), onError: () => {} })
  const factory = plain.client({}, { platform })
  let connectCount = 0
  const method = await startTransparentTcp({
    platform,
    address,
    connect: () => {
      connectCount++
      return factory.connect({ ...bridge, allowHalfOpen: true })
    },
    logger: {},
    unsafeLogging: false,
    ...(maxConnections !== undefined && { maxConnections }),
  })
  const dial = async () => {
    const stream = (await platform.network.dial(address, { signal: new AbortController().signal })) as MemoryStream
    stream.on('error', () => {})
    return stream
  }
  return { platform, method, dial, connectCount: () => connectCount }
}

test('closes applications beyond its limit at once', async () => {
  const { platform, method, dial, connectCount } = await startScene(1)
  const first = await dial()
  await platform.clock.settle()
  const second = await dial()
  second.resume()
  await once(second, 'end')
  assert.deepEqual([connectCount(), first.readableEnded], [1, false])
  await method.destroy()
})

test('holds no small write back', async () => {
  const { platform, method, dial } = await startScene()
  const settings: SettingCall[] = []
  platform.network.onLink = ({ server }) => void noteSettings(server, settings)
  await dial()
  await platform.clock.settle()
  assert.deepEqual(settings[0], ['setNoDelay', true])
  await method.destroy()
})
