import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GatherBuffer } from '../../../src/util/gather-buffer.ts'

test('gathers what fits and says how much that was', () => {
  const gathered = new GatherBuffer(10)
  assert.equal(gathered.append(Buffer.from('abcd')), 4)
  assert.equal(gathered.append(Buffer.alloc(0)), 0)
  assert.equal(gathered.append(Buffer.from('efghijkl')), 6)
  assert.equal(gathered.append(Buffer.from('m')), 0)
  assert.equal(gathered.bytes.toString(), 'abcdefghij')
  assert.equal(gathered.length, 10)
})

test('copies: what is appended may be written over', () => {
  const gathered = new GatherBuffer(10)
  const bytes = Buffer.from('abc')
  gathered.append(bytes)
  bytes.fill(0)
  assert.equal(gathered.bytes.toString(), 'abc')
})

test('takes no more memory than twice what it holds, and never more than its limit', () => {
  const gathered = new GatherBuffer(8192)
  for (let length = 1; length <= 8192; length++) {
    gathered.append(Buffer.of(length & 0xff))
    const held = gathered.bytes.buffer.byteLength
    assert.ok(held <= Math.min(8192, Math.max(256, 2 * length)), `${held} bytes are held for ${length}`)
  }
  assert.ok(gathered.bytes.every((byte, index) => byte === ((index + 1) & 0xff)))
})

test('lets go of its memory when cleared, and begins anew', () => {
  const gathered = new GatherBuffer(10)
  gathered.append(Buffer.from('abcdefghij'))
  gathered.clear()
  assert.equal(gathered.length, 0)
  assert.equal(gathered.bytes.buffer.byteLength < 256, true)
  assert.equal(gathered.append(Buffer.from('x')), 1)
  assert.equal(gathered.bytes.toString(), 'x')
})
