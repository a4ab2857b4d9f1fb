import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FakeClock } from '../../../src/testing/index.ts'

describe('FakeClock', () => {
  it('fires timers in the order of their times, each at its own', async () => {
    const clock = new FakeClock()
    const fired: [string, number][] = []
    clock.setTimer(() => fired.push(['late', clock.monotonic()]), 30)
    clock.setTimer(() => fired.push(['early', clock.monotonic()]), 10)
    clock.setTimer(() => fired.push(['early too', clock.monotonic()]), 10)
    await clock.advance(29)
    assert.deepEqual(fired, [
      ['early', 10],
      ['early too', 10],
    ])
    assert.equal(clock.timerCount, 1)
    assert.equal(clock.nextTimerMs, 1)
    await clock.advance(1)
    assert.deepEqual(fired.at(-1), ['late', 30])
  })

  it('fires within one advance what a fired timer, or a promise after it, sets', async () => {
    const clock = new FakeClock()
    const fired: number[] = []
    clock.setTimer(() => {
      void Promise.resolve().then(() => clock.setTimer(() => fired.push(clock.monotonic()), 5))
    }, 5)
    await clock.advance(100)
    assert.deepEqual(fired, [10])
    assert.equal(clock.monotonic(), 100)
  })

  it('fires no timer that was cancelled', async () => {
    const clock = new FakeClock()
    let fired = 0
    const timer = clock.setTimer(() => fired++, 10)
    timer.cancel()
    await clock.advance(20)
    assert.deepEqual([fired, clock.timerCount, clock.nextTimerMs], [0, 0, undefined])
  })

  it('moves the wall clock with the monotonic one, and sets it back without that', async () => {
    const clock = new FakeClock(1_000_000)
    await clock.advance(500)
    assert.equal(clock.now(), 1_000_500)
    clock.setWallClock(10)
    await clock.advance(5)
    assert.deepEqual([clock.now(), clock.monotonic()], [15, 505])
  })

  it('runs deferred tasks when told to, one round at a time', async () => {
    const clock = new FakeClock()
    const ran: string[] = []
    clock.defer(() => {
      ran.push('first')
      clock.defer(() => ran.push('second'))
    })
    clock.defer(() => ran.push('cancelled')).cancel()
    await clock.advance(1_000)
    assert.deepEqual(ran, [])
    await clock.runDeferred()
    assert.deepEqual(ran, ['first'])
    assert.equal(clock.deferredCount, 1)
    await clock.runDeferred()
    assert.deepEqual(ran, ['first', 'second'])
  })

  it('waits until what it watches has come to rest', async () => {
    const clock = new FakeClock()
    let activity = 0
    clock.watch(() => activity)
    const work = (left: number): void => {
      if (left > 0) setImmediate(() => work((activity++, left - 1)))
    }
    work(50)
    await clock.settle()
    assert.equal(activity, 50)
  })
})
