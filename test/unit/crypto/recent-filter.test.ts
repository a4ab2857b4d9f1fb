import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRecentFile, isRecentFile, RecentFilter } from '../../../src/crypto/recent-filter.ts'
import { SeededRandom } from '../../../src/testing/seeded-random.ts'

const tag = (index: number): Buffer => {
  const bytes = Buffer.alloc(32)
  bytes.writeUInt32LE(index)
  return bytes
}

test('remembers the newest tags and forgets the oldest, whatever was removed from the table between', () => {
  const random = new SeededRandom('ring')
  const filter = new RecentFilter(3_000, random)
  for (let index = 0; index < 10_000; index++) {
    assert.equal(filter.insert(tag(index)), true, `tag ${index} is new`)
    const newest = index - (index % 7)
    assert.equal(filter.insert(tag(newest)), false, `tag ${newest} is known`)
  }
  assert.equal(filter.size, 3_000)
  for (let index = 7_000; index < 10_000; index++) assert.equal(filter.insert(tag(index)), false)
  assert.equal(filter.insert(tag(6_999)), true, 'the oldest is forgotten')
  assert.equal(filter.insert(tag(7_000)), true, 'and the next with the tag in its place')
})

test('agrees with a list of the newest tags over random ones', () => {
  const random = new SeededRandom('model')
  const filter = new RecentFilter(50, random)
  const model: number[] = []
  for (let round = 0; round < 20_000; round++) {
    const index = random.fill(Buffer.alloc(1))[0]!
    const isNew = !model.includes(index)
    assert.equal(filter.insert(tag(index)), isNew)
    if (isNew && model.push(index) > 50) model.shift()
  }
})

test('a file that was written slot by slot gives the same filter, full or not', () => {
  for (const count of [0, 5, 99, 100, 101, 250]) {
    const random = new SeededRandom('file')
    const content = createRecentFile(100, random)
    assert.ok(isRecentFile(content, 100))
    const filter = RecentFilter.load(content)
    for (let index = 0; index < count; index++) {
      const from = filter.next
      assert.equal(filter.insert(tag(index)), true)
      for (const { position, bytes } of [filter.slots(from, 1), RecentFilter.head(filter.next)])
        content.set(bytes, position)
    }
    const loaded = RecentFilter.load(content)
    assert.equal(loaded.size, Math.min(count, 100))
    assert.equal(loaded.next, count % 100)
    for (let index = Math.max(0, count - 100); index < count; index++) assert.equal(loaded.insert(tag(index)), false)
    if (count > 100) assert.equal(loaded.insert(tag(count - 101)), true)
  }
})

test('slots that were written without the header are remembered', () => {
  const content = createRecentFile(100, new SeededRandom('torn'))
  const filter = RecentFilter.load(content)
  for (let index = 0; index < 3; index++) filter.insert(tag(index))
  const { position, bytes } = filter.slots(0, 3)
  content.set(bytes, position)
  const loaded = RecentFilter.load(content)
  assert.deepEqual([loaded.size, loaded.next], [3, 3])
  assert.equal(loaded.insert(tag(2)), false)
})

test('another length, capacity, version or beginning is no file of a filter', () => {
  const content = createRecentFile(100, new SeededRandom('wrong'))
  assert.equal(isRecentFile(content, 101), false)
  assert.equal(isRecentFile(content.subarray(1), 100), false)
  for (const position of [0, 8, 12, 16]) {
    const wrong = Buffer.from(content)
    wrong[position]! ^= 0xff
    assert.equal(isRecentFile(wrong, 100), false, `byte ${position}`)
  }
})
