import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  REPLAY_FILE_LENGTH,
  REPLAY_SLOT_COUNT,
  ReplayFilter,
  type ReplayVerdict,
  createReplayFile,
} from '../../../src/crypto/replay-filter.ts'
import type { Random } from '../../../src/util/random.ts'

const HEADER_LENGTH = 32
const SLOT_LENGTH = 12
/** Some day in 2025. */
const NOW = 484_000

const fixed: Random = { fill: (target) => target.fill(0x5a) }

const tagOf = (number: number): Buffer => {
  const tag = Buffer.alloc(16)
  tag.writeUInt32LE(number)
  return tag
}

const verdictOf = (outcome: ReplayVerdict): string => outcome.verdict

/** A filter whose writes go into a file in memory. */
function filterWithFile(file = createReplayFile(fixed)): { filter: ReplayFilter; file: Buffer; writes: number[] } {
  const writes: number[] = []
  const write = async (position: number, bytes: Uint8Array): Promise<void> => {
    writes.push(position)
    file.set(bytes, position)
  }
  return { filter: new ReplayFilter({ content: Buffer.from(file), write }), file, writes }
}

const inMemory = (): ReplayFilter => new ReplayFilter({ content: createReplayFile(fixed) })

/** Enters tags `from` to `to`, the last not included, of one epoch hour. */
function enter(filter: ReplayFilter, from: number, to: number, epochHour: number, now = epochHour): void {
  for (let number = from; number < to; number++)
    assert.equal(filter.insert(tagOf(number), epochHour, now).verdict, 'fresh')
}

test('finds a tag that it has seen, in any order of epochs, and no other', () => {
  const filter = inMemory()
  assert.equal(verdictOf(filter.insert(tagOf(1), NOW, NOW)), 'fresh')
  assert.equal(verdictOf(filter.insert(tagOf(1), NOW, NOW)), 'replay')
  assert.equal(verdictOf(filter.insert(tagOf(1), NOW + 1, NOW)), 'replay')
  assert.equal(verdictOf(filter.insert(tagOf(2), NOW - 1, NOW)), 'fresh')
  assert.equal(verdictOf(filter.insert(tagOf(2), NOW - 1, NOW)), 'replay')
  assert.equal(filter.size, 2)
})

test('decides at once: of two equal tags in one turn the first is fresh, before anything is written', async () => {
  const pending: (() => void)[] = []
  const write = (): Promise<void> => new Promise((resolve) => pending.push(resolve))
  const filter = new ReplayFilter({ content: createReplayFile(fixed), write })
  const first = filter.insert(tagOf(1), NOW, NOW)
  assert.equal(verdictOf(filter.insert(tagOf(1), NOW, NOW)), 'replay')
  assert.equal(pending.length, 1)
  pending[0]!()
  assert.ok(first.verdict === 'fresh')
  await first.recorded
})

test('writes the keyed hash and the hour of one slot, never the tag', async () => {
  const { filter, file, writes } = filterWithFile()
  const outcome = filter.insert(Buffer.from('a tag of 16 byte'), NOW, NOW)
  assert.ok(outcome.verdict === 'fresh')
  await outcome.recorded
  assert.deepEqual(writes, [HEADER_LENGTH])
  assert.equal(file.readUInt32LE(HEADER_LENGTH + 8), NOW + 1)
  assert.notEqual(file.readBigUInt64LE(HEADER_LENGTH), 0n)
  assert.equal(file.includes('a tag'), false)
  assert.ok(file.subarray(HEADER_LENGTH + SLOT_LENGTH).every((byte) => byte === 0))
})

test('knows after a restart what was written before, and goes on in the next slot', async () => {
  const first = filterWithFile()
  enter(first.filter, 0, 100, NOW)
  const second = filterWithFile(first.file)
  assert.equal(second.filter.size, 100)
  for (let number = 0; number < 100; number++)
    assert.equal(verdictOf(second.filter.insert(tagOf(number), NOW, NOW)), 'replay')
  enter(second.filter, 100, 101, NOW)
  assert.deepEqual(second.writes, [HEADER_LENGTH + 100 * SLOT_LENGTH])
})

test('does not know after a restart a tag whose write had failed, and refuses it until then', async () => {
  const file = createReplayFile(fixed)
  const diskFull = new Error('no space left')
  const filter = new ReplayFilter({ content: Buffer.from(file), write: () => Promise.reject(diskFull) })
  const outcome = filter.insert(tagOf(1), NOW, NOW)
  assert.ok(outcome.verdict === 'fresh')
  await assert.rejects(outcome.recorded, diskFull)
  assert.equal(verdictOf(filter.insert(tagOf(1), NOW, NOW)), 'replay')
  assert.equal(verdictOf(new ReplayFilter({ content: file }).insert(tagOf(1), NOW, NOW)), 'fresh')
})

test('a failed write that nobody asks about is not an unhandled rejection', async () => {
  const filter = new ReplayFilter({ content: createReplayFile(fixed), write: () => Promise.reject(new Error('no')) })
  const unhandled: unknown[] = []
  const listener = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', listener)
  filter.insert(tagOf(1), NOW, NOW)
  await new Promise(setImmediate)
  process.off('unhandledRejection', listener)
  assert.deepEqual(unhandled, [])
})

test('a clock that goes back or forward makes no tag fresh while slots are left', () => {
  const filter = inMemory()
  enter(filter, 1, 2, NOW)
  for (const now of [NOW + 2, NOW + 1_000_000, NOW - 1, 0, NOW]) {
    assert.equal(verdictOf(filter.insert(tagOf(1), NOW, now)), 'replay')
    enter(filter, now + 10, now + 11, now)
  }
})

test('is full while every entry can still verify, and takes expired slots from then on', () => {
  const { filter, writes } = filterWithFile()
  enter(filter, 0, REPLAY_SLOT_COUNT, NOW)
  for (const now of [NOW - 5, NOW, NOW + 1]) assert.equal(verdictOf(filter.insert(tagOf(1e6), now, now)), 'full')
  assert.equal(verdictOf(filter.insert(tagOf(7), NOW, NOW)), 'replay')
  assert.equal(writes.length, REPLAY_SLOT_COUNT)
  enter(filter, 1e6, 1e6 + 10, NOW + 2)
  assert.equal(filter.size, REPLAY_SLOT_COUNT)
  assert.equal(verdictOf(filter.insert(tagOf(1e6), NOW + 2, NOW + 2)), 'replay')
})

test('gives up the oldest hour first, and never-used slots before any', () => {
  const { filter, writes } = filterWithFile()
  enter(filter, 0, 10, NOW - 10)
  enter(filter, 10, 20, NOW - 20)
  enter(filter, 20, 30, NOW - 15)
  enter(filter, 30, REPLAY_SLOT_COUNT, NOW)
  assert.equal(new Set(writes).size, REPLAY_SLOT_COUNT)
  enter(filter, 1e6, 1e6 + 10, NOW)
  const slots = writes.slice(-10).map((position) => (position - HEADER_LENGTH) / SLOT_LENGTH)
  assert.deepEqual(
    slots.sort((a, b) => a - b),
    Array.from({ length: 10 }, (_, index) => index + 10),
  )
  // The hours that are left are found as before, though expired.
  assert.equal(verdictOf(filter.insert(tagOf(0), NOW - 10, NOW)), 'replay')
  assert.equal(verdictOf(filter.insert(tagOf(20), NOW - 15, NOW)), 'replay')
  enter(filter, 2e6, 2e6 + 20, NOW)
  assert.equal(verdictOf(filter.insert(tagOf(3e6), NOW, NOW)), 'full')
})

test('counts entries of a clock that was ahead as live until their hour has passed', () => {
  const filter = inMemory()
  enter(filter, 0, REPLAY_SLOT_COUNT, NOW + 100)
  assert.equal(verdictOf(filter.insert(tagOf(1e6), NOW, NOW)), 'full')
  assert.equal(verdictOf(filter.insert(tagOf(1e6), NOW + 101, NOW + 101)), 'full')
  assert.equal(verdictOf(filter.insert(tagOf(1e6), NOW + 102, NOW + 102)), 'fresh')
})

test('a reused slot forgets its old tag after a restart too', () => {
  const first = filterWithFile()
  enter(first.filter, 0, REPLAY_SLOT_COUNT, NOW)
  enter(first.filter, 1e6, 1e6 + 1, NOW + 2)
  const second = new ReplayFilter({ content: first.file })
  assert.equal(second.size, REPLAY_SLOT_COUNT)
  assert.equal(verdictOf(second.insert(tagOf(1e6), NOW + 2, NOW + 2)), 'replay')
  assert.equal(verdictOf(second.insert(tagOf(5), NOW, NOW)), verdictOf(first.filter.insert(tagOf(5), NOW, NOW)))
})

test('holds hour 0, of a machine without a clock', () => {
  const { filter, file } = filterWithFile()
  enter(filter, 1, 2, 0)
  assert.equal(verdictOf(new ReplayFilter({ content: file }).insert(tagOf(1), 0, 0)), 'replay')
})

test('keeps its time per insertion when full of hours', () => {
  const filter = inMemory()
  for (let number = 0; number < REPLAY_SLOT_COUNT; number++) filter.insert(tagOf(number), NOW + (number % 500), NOW)
  const start = performance.now()
  enter(filter, 1e6, 1e6 + 20_000, NOW + 2_000)
  assert.ok(performance.now() - start < 2_000)
})

test('is keyed: files made with different randomness hash a tag differently', () => {
  const other: Random = { fill: (target) => target.fill(0x11) }
  const one = filterWithFile()
  const two = filterWithFile(createReplayFile(other))
  enter(one.filter, 1, 2, NOW)
  enter(two.filter, 1, 2, NOW)
  assert.notDeepEqual(one.file.subarray(HEADER_LENGTH), two.file.subarray(HEADER_LENGTH))
})

test('validates length, magic, version and slot count', () => {
  const good = createReplayFile(fixed)
  assert.equal(good.length, REPLAY_FILE_LENGTH)
  assert.equal(ReplayFilter.validate(good), true)
  assert.equal(ReplayFilter.validate(Uint8Array.from(good)), true)
  for (const content of [Buffer.alloc(0), good.subarray(1), Buffer.concat([good, Buffer.alloc(1)])])
    assert.equal(ReplayFilter.validate(content), false)
  for (const position of [0, 7, 8, 11, 12, 15]) {
    const bad = Buffer.from(good)
    bad[position]! ^= 1
    assert.equal(ReplayFilter.validate(bad), false)
    assert.throws(() => new ReplayFilter({ content: bad }), RangeError)
  }
})

test('loads any content behind a good header', () => {
  const content = createReplayFile(fixed)
  for (let position = HEADER_LENGTH; position < content.length; position++) content[position] = (position * 7919) >>> 5
  // The same hash in two slots, which no filter writes.
  content.copy(content, HEADER_LENGTH, HEADER_LENGTH + SLOT_LENGTH, HEADER_LENGTH + 2 * SLOT_LENGTH)
  const filter = new ReplayFilter({ content })
  assert.ok(filter.size < REPLAY_SLOT_COUNT)
  assert.equal(verdictOf(filter.insert(tagOf(1), NOW, NOW)), 'fresh')
})

test('refuses what is not an epoch hour', () => {
  for (const epochHour of [-1, 0.5, Number.NaN, 2 ** 32 - 1])
    assert.throws(() => inMemory().insert(tagOf(1), epochHour, NOW), RangeError)
})
