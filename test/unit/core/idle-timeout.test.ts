import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IdleTimeout } from '../../../src/core/idle-timeout.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'

function create() {
  const clock = new FakeClock()
  const times: number[] = []
  return { clock, times, idle: new IdleTimeout(clock, () => times.push(clock.monotonic())) }
}

test('calls back once after the limit without activity, and again only after more activity', async () => {
  const { clock, times, idle } = create()
  idle.set(100)
  await clock.advance(1000)
  assert.deepEqual(times, [100])
  idle.touch()
  await clock.advance(1000)
  assert.deepEqual(times, [100, 1100])
  assert.equal(clock.timerCount, 0)
})

test('counts from the last activity, with one timer however much there is', async () => {
  const { clock, times, idle } = create()
  idle.set(100)
  for (let count = 0; count < 30; count++) {
    idle.touch()
    idle.touch()
    assert.equal(clock.timerCount, 1)
    await clock.advance(10)
  }
  assert.deepEqual(times, [])
  await clock.advance(89)
  assert.deepEqual(times, [])
  await clock.advance(1)
  assert.deepEqual(times, [390])
})

test('starts anew with another limit, with one timer, and 0 switches it off', async () => {
  const { clock, times, idle } = create()
  idle.set(100)
  await clock.advance(60)
  idle.set(70)
  assert.equal(idle.limitMs, 70)
  assert.equal(clock.timerCount, 1)
  await clock.advance(69)
  assert.deepEqual(times, [])
  idle.set(0)
  assert.equal(clock.timerCount, 0)
  idle.touch()
  await clock.advance(1000)
  assert.deepEqual(times, [])
  assert.equal(clock.timerCount, 0)
})

test('may be switched off, or set anew, by its own callback', async () => {
  const clock = new FakeClock()
  let count = 0
  const idle: IdleTimeout = new IdleTimeout(clock, () => idle.set(++count < 3 ? 10 : 0))
  idle.set(10)
  await clock.advance(1000)
  assert.equal(count, 3)
  assert.equal(clock.timerCount, 0)
})
