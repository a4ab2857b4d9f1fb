import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeyPool } from '../../../src/crypto/key-pool.ts'

test('makes nothing before the next turn', () => {
  const { pool, made } = newPool(2)
  assert.equal(pool.size, 0)
  assert.equal(made(), 0)
})

test('fills by one key per turn and rests when full', () => {
  const { pool, idle, pending } = newPool(3)
  for (const size of [1, 2, 3]) {
    idle()
    assert.equal(pool.size, size)
  }
  assert.equal(pending(), 0)
})

test('hands out each key once, the oldest first', () => {
  const { pool, idle } = newPool(3)
  idle()
  idle()
  assert.deepEqual([pool.take(), pool.take(), pool.take()], [1, 2, 3])
})

test('makes no key after one was taken until it is told to, while it is more than half full', () => {
  const { pool, idle, pending } = newPool(4)
  for (let turn = 0; turn < 4; turn++) idle()
  pool.take()
  pool.take()
  assert.equal(pending(), 0)
  pool.replenish()
  assert.equal(pending(), 1)
  idle()
  idle()
  assert.equal(pool.size, 4)
  assert.equal(pending(), 0)
})

test('fills up by itself once it is less than half full', () => {
  const { pool, idle, pending } = newPool(4)
  for (let turn = 0; turn < 4; turn++) idle()
  for (let count = 0; count < 3; count++) pool.take()
  assert.equal(pending(), 1)
  for (let turn = 0; turn < 3; turn++) idle()
  assert.equal(pool.size, 4)
})

test('never schedules more than one refill', () => {
  const { pool, pending } = newPool(32)
  for (let count = 0; count < 5; count++) {
    pool.take()
    pool.replenish()
  }
  assert.equal(pending(), 1)
})

test('makes a key on the spot when none is ready, counts it and reports it', () => {
  const { pool, idle, reports } = newPool(2)
  assert.equal(pool.take(), 1)
  assert.equal(pool.inlineCount, 1)
  assert.equal(reports(), 1)
  idle()
  pool.take()
  assert.equal(pool.inlineCount, 1)
})

test('schedules nothing after close, and still hands out keys', () => {
  const { pool, idle, pending } = newPool(2)
  idle()
  pool.close()
  assert.equal(pending(), 0)
  assert.equal(pool.size, 0)
  assert.equal(pool.take(), 2)
  pool.replenish()
  assert.equal(pending(), 0)
})

test('makes nothing when a cancelled refill runs all the same', () => {
  const tasks: (() => void)[] = []
  const pool = new KeyPool({
    make: () => 1,
    defer: (task) => {
      tasks.push(task)
      return { cancel() {} }
    },
  })
  pool.close()
  tasks[0]!()
  assert.equal(pool.size, 0)
  assert.equal(tasks.length, 1)
})

test('refuses a capacity of nothing', () => {
  assert.throws(() => newPool(0), RangeError)
})

/** A pool of 1, 2, 3 …, whose turns come when the test says so. */
function newPool(capacity: number) {
  const tasks = new Set<() => void>()
  let made = 0
  let reports = 0
  const pool = new KeyPool<number>({
    capacity,
    make: () => ++made,
    defer: (task) => {
      tasks.add(task)
      return { cancel: () => void tasks.delete(task) }
    },
    onInline: () => {
      reports++
    },
  })
  const idle = (): void => {
    const due = [...tasks]
    tasks.clear()
    for (const task of due) task()
  }
  return { pool, idle, pending: () => tasks.size, made: () => made, reports: () => reports }
}
