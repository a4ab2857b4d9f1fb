import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { Decoder } from '../../../src/wire/decoding.ts'

/** Checks that every proper prefix of a message is incomplete, and that bytes after it belong to the next. */
export function assertIncremental<Value>(decode: Decoder<Value>, message: Buffer, value: Value): void {
  for (let length = 0; length < message.length; length++) {
    assert.equal(decode(message.subarray(0, length)), 'incomplete', `after ${length} bytes`)
  }
  assert.deepEqual(decode(message), { value, length: message.length })
  assert.deepEqual(decode(Buffer.concat([message, Buffer.from([0, 1, 2])])), { value, length: message.length })
}

/** Checks on any bytes that a decoder does not throw, takes no more than there is, and never changes its mind when more come. */
export function assertTotal<Value>(decode: Decoder<Value>, ...first: readonly number[]): void {
  const bytes = fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 300 })).map(([begins, rest]) => {
    return Buffer.concat([Buffer.from(begins ? first : []), rest])
  })
  fc.assert(
    fc.property(bytes, fc.nat(), (whole, cut) => {
      const part = decode(whole.subarray(0, cut % (whole.length + 1)))
      const all = decode(whole)
      if (part !== 'incomplete') assert.deepEqual(part, all)
      if (typeof all !== 'string') assert.ok(all.length > 0 && all.length <= whole.length)
    }),
    { numRuns: 500 },
  )
}
