import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SlidingWindow, WINDOW_LENGTH } from '../../../src/crypto/sliding-window.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'

test('takes each counter once, in any order within the window', () => {
  const window = new SlidingWindow()
  for (const counter of [0, 5, 3, 4, 1, 2, WINDOW_LENGTH, 100_000]) {
    assert.equal(window.isFresh(counter), true)
    assert.equal(window.accept(counter), true)
    assert.equal(window.isFresh(counter), false)
    assert.equal(window.accept(counter), false)
  }
  assert.equal(window.accept(100_000 - WINDOW_LENGTH), false, 'behind the window')
  assert.equal(window.accept(100_000 - WINDOW_LENGTH + 1), true, 'the last in it')
  for (const counter of [-1, 0.5, Number.NaN, 2 ** 53, 1.8e19]) assert.equal(window.accept(counter), false)
})

test('agrees with a set over random counters', () => {
  const random = new SeededRandom('window')
  const window = new SlidingWindow()
  const seen = new Set<number>()
  let newest = -1
  for (let round = 0; round < 50_000; round++) {
    const [kind, distance] = random.fill(Buffer.alloc(2)) as unknown as [number, number]
    const counter = Math.max(0, newest + (kind < 10 ? distance * 100 : kind < 128 ? distance % 5 : -distance * 9))
    const isFresh = !seen.has(counter) && counter > newest - WINDOW_LENGTH
    assert.equal(window.accept(counter), isFresh, `counter ${counter}, newest ${newest}`)
    seen.add(counter)
    newest = Math.max(newest, counter)
  }
})
