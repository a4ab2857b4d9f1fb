import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteLengthOf, takeBytes } from '../../../src/util/take-bytes.ts'

const chunksOf = (...texts: string[]): Uint8Array[] => texts.map((text) => Buffer.from(text))
const texts = (chunks: readonly Uint8Array[]): string[] => chunks.map((chunk) => Buffer.from(chunk).toString())

test('takes whole chunks and cuts the one at the border', () => {
  const chunks = chunksOf('abc', 'def', 'ghi')
  assert.deepEqual(texts(takeBytes(chunks, 4)), ['abc', 'd'])
  assert.deepEqual(texts(chunks), ['ef', 'ghi'])
  assert.deepEqual(texts(takeBytes(chunks, 2)), ['ef'])
  assert.deepEqual(texts(chunks), ['ghi'])
})

test('takes all there is when asked for more', () => {
  const chunks = chunksOf('abc', '', 'd')
  assert.deepEqual(texts(takeBytes(chunks, 100)), ['abc', '', 'd'])
  assert.deepEqual(chunks, [])
  assert.deepEqual(takeBytes(chunks, 1), [])
})

test('adds up lengths', () => {
  assert.equal(byteLengthOf(chunksOf('abc', '', 'de')), 5)
  assert.equal(byteLengthOf([]), 0)
})
