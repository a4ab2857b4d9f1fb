import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constantTimeEqual } from '../../../src/crypto/constant-time.ts'

test('holds equal bytes equal, and all others different', () => {
  assert.equal(constantTimeEqual(Buffer.from('abc'), new Uint8Array([97, 98, 99])), true)
  assert.equal(constantTimeEqual(Buffer.from('abc'), Buffer.from('abd')), false)
  assert.equal(constantTimeEqual(Buffer.alloc(0), Buffer.alloc(0)), true)
})

test('holds different lengths different', () => {
  assert.equal(constantTimeEqual(Buffer.from('abc'), Buffer.from('ab')), false)
})
