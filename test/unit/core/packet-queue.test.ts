import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PacketQueue } from '../../../src/core/packet-queue.ts'

const packet = (length: number) => ({ bytes: new Uint8Array(length), length, callback: undefined })

test('past its count it drops the oldest', () => {
  const queue = new PacketQueue(2, 1_000)
  const [a, b, c] = [packet(1), packet(2), packet(3)]
  assert.deepEqual([queue.push(a), queue.push(b)], [[], []])
  assert.deepEqual(queue.push(c), [a])
  assert.deepEqual([queue.count, queue.byteLength], [2, 5])
  assert.deepEqual(queue.takeAll(), [b, c])
  assert.deepEqual([queue.count, queue.byteLength], [0, 0])
})

test('past its bytes it drops as many of the oldest as it must', () => {
  const queue = new PacketQueue(64, 10)
  const [a, b, c] = [packet(4), packet(4), packet(9)]
  queue.push(a)
  queue.push(b)
  assert.deepEqual(queue.push(c), [a, b])
  assert.deepEqual(queue.takeAll(), [c])
})

test('it holds one packet whatever its length', () => {
  const queue = new PacketQueue(64, 10)
  const [long, next] = [packet(11), packet(1)]
  assert.deepEqual(queue.push(long), [])
  assert.deepEqual(queue.push(next), [long])
})

test('with room for none it drops the packet itself', () => {
  const queue = new PacketQueue(0, 10)
  const only = packet(1)
  assert.deepEqual(queue.push(only), [only])
  assert.equal(queue.count, 0)
})
