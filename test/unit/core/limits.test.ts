import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_LIMITS, resolveLimits, wholeNumber } from '../../../src/core/limits.ts'

test('fills in the defaults', () => {
  assert.deepEqual(resolveLimits({}), {
    dialTimeoutMs: 30_000,
    handshakeTimeoutMs: 60_000,
    lingerMs: 60_000,
    unsafeLogging: false,
  })
  assert.equal(Object.isFrozen(DEFAULT_LIMITS), true)
})

test('takes whole numbers that a timer can wait for', () => {
  const limits = resolveLimits({ dialTimeoutMs: 1, handshakeTimeoutMs: 2 ** 31 - 1, lingerMs: 5, unsafeLogging: true })
  assert.deepEqual(limits, { dialTimeoutMs: 1, handshakeTimeoutMs: 2 ** 31 - 1, lingerMs: 5, unsafeLogging: true })
})

for (const value of [0, -1, 1.5, 2 ** 31, Number.NaN, Infinity, '5' as unknown as number, null as unknown as number]) {
  test(`refuses ${String(value)} as a time, naming the setting`, () => {
    for (const name of ['dialTimeoutMs', 'handshakeTimeoutMs', 'lingerMs'] as const)
      assert.throws(() => resolveLimits({ [name]: value }), {
        code: 'PT_OPTION_INVALID',
        message: new RegExp(`"${name}"`),
      })
  })
}

test('checks counts against their own range', () => {
  assert.equal(wholeNumber('maxConnections', undefined, 1, 10), DEFAULT_LIMITS.maxConnections)
  assert.equal(wholeNumber('maxConnections', 10, 1, 10), 10)
  assert.throws(() => wholeNumber('maxConnections', 11, 1, 10), { code: 'PT_OPTION_INVALID' })
})
