import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FirstWord } from '../../../src/core/first-word.ts'
import { countingRandom } from '../crypto/counting-random.ts'

function answered(): FirstWord {
  const firstWord = new FirstWord(countingRandom(1))
  firstWord.answered(1000)
  return firstWord
}

test('a first word waits 10 to 30 ms after the answer', () => {
  const [segment, ...others] = answered().gap(1000)!
  assert.equal(others.length, 0)
  assert.equal(segment!.bytes.byteLength, 0)
  assert.ok(segment!.delayMs! >= 10 && segment!.delayMs! <= 30, String(segment!.delayMs))
})

test('a first word that comes later waits no more', () => {
  assert.deepEqual(answered().gap(1031), [])
})

test('later words, and words to a client that spoke, wait for nothing', () => {
  const silent = answered()
  silent.gap(1000)
  assert.equal(silent.gap(1001), undefined)
  const spoken = answered()
  spoken.clientSpoke()
  assert.equal(spoken.gap(1000), undefined)
})

test('three nudges follow, each later than the last, while the client is silent', () => {
  const firstWord = answered()
  let now = 1000
  const waits: number[] = []
  for (let at = firstWord.nextNudgeAt(now); at !== undefined; at = firstWord.nextNudgeAt(now)) {
    waits.push(at - now)
    now = at
    assert.equal(firstWord.nudge(), true)
  }
  assert.equal(waits.length, 3)
  assert.ok(waits[0]! >= 250 && waits[0]! < waits[1]! && waits[1]! < waits[2]! && waits[2]! <= 6000, waits.join())
})

test('no nudge comes once the client spoke', () => {
  const firstWord = answered()
  assert.notEqual(firstWord.nextNudgeAt(1000), undefined)
  firstWord.clientSpoke()
  assert.equal(firstWord.nudge(), false)
  assert.equal(firstWord.nextNudgeAt(1000), undefined)
})
