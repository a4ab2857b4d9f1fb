import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PtError } from '../../../src/core/errors.ts'
import { failureFields } from '../../../src/dispatcher/failure-text.ts'

const refused = Object.assign(new Error('connect ECONNREFUSED 192.0.2.7:443'), { code: 'ECONNREFUSED' })
const failed = new PtError('PT_HANDSHAKE_FAILED', 'the cookie file cannot be read', { cause: refused })

test('tells codes, and the sentence of an error of this package', () => {
  assert.deepEqual(failureFields(refused, false), { code: 'ECONNREFUSED' })
  assert.deepEqual(failureFields(failed, false), {
    code: 'PT_HANDSHAKE_FAILED',
    message: 'the cookie file cannot be read',
    cause: 'ECONNREFUSED',
  })
  assert.deepEqual(failureFields('text', false), { message: 'text' })
})

test('tells every message under unsafe logging', () => {
  assert.deepEqual(failureFields(refused, true), { code: 'ECONNREFUSED', message: refused.message })
  assert.deepEqual(failureFields(failed, true), {
    code: 'PT_HANDSHAKE_FAILED',
    message: 'the cookie file cannot be read',
    cause: refused.message,
  })
})
