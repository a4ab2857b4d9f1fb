import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SettingCall, noteSettings } from '../../support/noted-stream.ts'
import { openSocksScene } from '../../support/socks-scene.ts'

test('holds no small write back', async () => {
  const { client, platform, server } = await openSocksScene()
  const settings: SettingCall[] = []
  platform.network.onLink = (link) => void noteSettings(link.server, settings)
  await client()
  assert.deepEqual(settings, [['setNoDelay', true]])
  await server.destroy()
})
