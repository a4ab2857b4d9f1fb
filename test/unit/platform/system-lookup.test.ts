import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lookupBySystem } from '../../../src/platform/system-lookup.ts'

test('finds the addresses of this host by its name', async () => {
  const addresses = await lookupBySystem('localhost')
  assert.ok(addresses.length > 0)
  for (const address of addresses) assert.match(address, /^(?:127\.|::1$)/)
})

test('rejects a name that cannot be one', async () => {
  await assert.rejects(lookupBySystem('a'.repeat(64)), { syscall: 'getaddrinfo' })
})
