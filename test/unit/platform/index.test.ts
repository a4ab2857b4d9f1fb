import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemPlatform } from '../../../src/platform/index.ts'

test('is one frozen object of frozen members', () => {
  assert.ok(Object.isFrozen(systemPlatform))
  assert.deepEqual(Object.keys(systemPlatform).sort(), [
    'binder',
    'clock',
    'datagrams',
    'dialer',
    'random',
    'store',
    'tls',
    'web',
  ])
  assert.ok(Object.values(systemPlatform).every((member) => Object.isFrozen(member)))
})
