import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FailureStreak } from '../../../src/dispatcher/failure-streak.ts'

test('warns of the first failure after a success, and tells the others for debugging', () => {
  const told: unknown[] = []
  const streak = new FailureStreak('a:failed', {
    warn: (event, fields) => told.push(['warn', event, fields]),
    debug: (event, fields) => told.push(['debug', event, fields]),
  })
  streak.failed({ code: 1 })
  streak.failed({ code: 2 })
  streak.succeeded()
  streak.succeeded()
  streak.failed({ code: 3 })
  assert.deepEqual(told, [
    ['warn', 'a:failed', { code: 1 }],
    ['debug', 'a:failed', { code: 2 }],
    ['warn', 'a:failed', { code: 3 }],
  ])
})

test('is silent where nobody hears it', () => {
  const told: unknown[] = []
  const streak = new FailureStreak('a:failed', { debug: (event) => told.push(event) })
  streak.failed({})
  streak.failed({})
  assert.deepEqual(told, ['a:failed'])
})
