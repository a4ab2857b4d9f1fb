import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '../../../src/platform/system-random.ts'

test('fills the whole target, and nothing around it', () => {
  for (const length of [0, 1, 16, 255, 256, 257, 4096, 10_000]) {
    const around = Buffer.alloc(length + 2)
    const target = around.subarray(1, length + 1)
    assert.equal(systemRandom.fill(target), target)
    assert.equal(around[0], 0)
    assert.equal(around[length + 1], 0)
    if (length >= 16) assert.ok(target.subarray(-8).some((byte) => byte !== 0))
  }
})

test('never hands out the same bytes twice, across refills of the pool', () => {
  const seen = new Set<string>()
  for (let i = 0; i < 5_000; i++) seen.add(systemRandom.fill(Buffer.alloc(8)).toString('hex'))
  assert.equal(seen.size, 5_000)
})

test('takes other byte arrays than Buffer', () => {
  const target = Uint8Array.from({ length: 32 })
  const bytes = systemRandom.fill(target)
  assert.equal(bytes.constructor, Uint8Array)
  assert.ok(bytes.some((byte) => byte !== 0))
})
