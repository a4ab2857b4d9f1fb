import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PtError } from '../../../src/core/errors.ts'
import { socksReplyFor } from '../../../src/proxy/socks-reply.ts'

const system = (code: string): Error => Object.assign(new Error(code), { code })

test('finds the reply that fits a failure of the system', () => {
  const replies = [
    ['ECONNREFUSED', 5],
    ['ENETUNREACH', 3],
    ['EHOSTUNREACH', 4],
    ['ENOTFOUND', 4],
    ['ETIMEDOUT', 6],
    ['EACCES', 2],
    ['EAFNOSUPPORT', 8],
    ['ECONNRESET', 1],
    ['toString', 1],
  ] as const
  for (const [code, reply] of replies) assert.equal(socksReplyFor(system(code)), reply, code)
})

test("finds it in this package's table", () => {
  assert.equal(socksReplyFor(new PtError('PT_DIAL_TIMEOUT', 'late')), 6)
  assert.equal(socksReplyFor(new PtError('PT_HANDSHAKE_FAILED', 'no')), 1)
})

test('answers anything else with a general failure', () => {
  for (const error of [new Error('x'), 'x', undefined, Object.assign(new Error('x'), { code: 7 })]) {
    assert.equal(socksReplyFor(error), 1)
  }
})
