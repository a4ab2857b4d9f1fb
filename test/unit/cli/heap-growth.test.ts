import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heapGrowingPercent, youngGrowthFactor } from '../../../cli/src/heap-growth.ts'

const MEBIBYTE = 1_048_576

test('lets a small heap grow by 32 MiB', () => {
  for (const mebibytes of [8, 10, 30]) {
    const growth = (heapGrowingPercent(mebibytes * MEBIBYTE) / 100) * mebibytes
    assert.ok(growth > 31 && growth <= 32, `${mebibytes} MiB grow by ${growth}`)
  }
})

test('leaves to V8 a heap that 32 MiB do not double', () => {
  assert.equal(heapGrowingPercent(33 * MEBIBYTE), 0)
  assert.equal(heapGrowingPercent(1024 * MEBIBYTE), 0)
})

test('lets the young generation double up to 16 MiB and no further', () => {
  for (const mebibytes of [1, 4, 8]) assert.equal(youngGrowthFactor(mebibytes * MEBIBYTE), 2)
  for (const mebibytes of [9, 16, 32]) assert.equal(youngGrowthFactor(mebibytes * MEBIBYTE), 1)
})
