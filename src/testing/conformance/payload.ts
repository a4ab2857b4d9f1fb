import assert from 'node:assert/strict'
import { SeededRandom } from '../seeded-random.ts'

/** Makes `length` bytes that look random and follow from `seed`. */
export function payload(length: number, seed: string | number = 'payload'): Buffer {
  return new SeededRandom(seed).fill(Buffer.alloc(length))
}

/** Fails, saying where they differ, unless `received` is `sent`. */
export function assertSame(received: Buffer, sent: Buffer, who: string): void {
  if (received.equals(sent)) return
  const at = firstDifference(received, sent)
  assert.fail(
    received.length < sent.length && at === received.length
      ? `${who} received only the first ${received.length} of ${sent.length} bytes`
      : `${who} received ${received.length} bytes where ${sent.length} were sent; the first difference is at byte ${at}`,
  )
}

/** Fails unless `received` is how `sent` begins: nothing altered, nothing left out. */
export function assertPrefix(received: Buffer, sent: Buffer, who: string): void {
  if (received.length <= sent.length && received.equals(sent.subarray(0, received.length))) return
  assert.fail(`${who} received altered data: the first difference is at byte ${firstDifference(received, sent)}`)
}

function firstDifference(a: Buffer, b: Buffer): number {
  const shorter = Math.min(a.length, b.length)
  for (let index = 0; index < shorter; index++) if (a[index] !== b[index]) return index
  return shorter
}
