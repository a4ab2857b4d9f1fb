import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExactReader } from '../../../src/util/exact-reader.ts'

test('takes the same pieces in any chopping', () => {
  const bytes = Buffer.from(Array.from({ length: 100 }, (_, index) => index))
  const lengths = [3, 1, 40, 16, 0, 30, 10]
  for (const pieceLength of [1, 2, 7, 43, 100]) {
    const reader = new ExactReader()
    const taken: Buffer[] = []
    for (let at = 0; at < bytes.length; at += pieceLength) {
      reader.feed(bytes.subarray(at, at + pieceLength))
      while (taken.length < lengths.length) {
        const piece = reader.take(lengths[taken.length]!)
        if (piece === undefined) break
        taken.push(Buffer.from(piece))
      }
    }
    assert.deepEqual(
      taken.map(({ length }) => length),
      lengths,
    )
    assert.ok(Buffer.concat(taken).equals(bytes))
    assert.equal(reader.pendingLength, 0)
  }
})

test('keeps a copy of what is not whole, and says how much that is', () => {
  const reader = new ExactReader()
  const piece = Buffer.from('abc')
  reader.feed(piece)
  assert.equal(reader.pendingLength, 3)
  assert.equal(reader.take(5), undefined)
  assert.equal(reader.pendingLength, 3)
  piece.fill(0)
  reader.feed(Buffer.from('defg'))
  assert.equal(Buffer.from(reader.take(5)!).toString(), 'abcde')
  assert.equal(Buffer.from(reader.take(2)!).toString(), 'fg')
})
