import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { HmacSha256 } from '../../../src/crypto/hmac-sha256.ts'
import { countingRandom } from './counting-random.ts'

test("computes node:crypto's HMAC-SHA256, for keys and messages of many lengths", () => {
  const random = countingRandom(1)
  for (const keyLength of [0, 1, 32, 63, 64]) {
    const key = random.fill(Buffer.alloc(keyLength))
    const hmac = new HmacSha256(key)
    for (const length of [0, 1, 55, 56, 64, 1432, 2048, 2049, 5000]) {
      const message = random.fill(Buffer.alloc(length))
      const mac = Buffer.alloc(32)
      hmac.computeInto(mac, message)
      assert.deepEqual(mac, createHmac('sha256', key).update(message).digest(), `${keyLength} and ${length}`)
    }
  }
})

test('writes as many bytes as the target takes, and no more', () => {
  const hmac = new HmacSha256(Buffer.alloc(32, 1))
  const whole = Buffer.alloc(32)
  hmac.computeInto(whole, Buffer.from('message'))
  const wide = Buffer.alloc(40)
  hmac.computeInto(wide.subarray(4, 20), Buffer.from('message'))
  assert.deepEqual(wide.subarray(4, 20), whole.subarray(0, 16))
  assert.deepEqual(
    [...wide.subarray(0, 4), ...wide.subarray(20)],
    Array.from({ length: 24 }, () => 0),
  )
})

test('refuses a key that would have to be hashed', () => {
  assert.throws(() => new HmacSha256(Buffer.alloc(65)), RangeError)
})
