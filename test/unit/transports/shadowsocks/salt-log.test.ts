import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SlotFile } from '../../../../src/core/platform.ts'
import { createRecentFile, RecentFilter } from '../../../../src/crypto/recent-filter.ts'
import { FakeClock } from '../../../../src/testing/fake-clock.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { SaltLog } from '../../../../src/transports/shadowsocks/salt-log.ts'

const CAPACITY = 4

test('what is written of a full log is in order: after a start the oldest is forgotten first', async () => {
  const content = createRecentFile(CAPACITY, new SeededRandom('salts'))
  const slots: SlotFile = {
    initial: content,
    write: async (position, bytes) => content.set(bytes, position),
    close: async () => {},
  }
  const clock = new FakeClock()
  const salt = (index: number): Buffer => Buffer.alloc(32, index)
  const onError = (error: unknown): void => assert.ifError(error)
  const open = (): SaltLog =>
    new SaltLog({ filter: RecentFilter.load(content), clock, slots, capacity: CAPACITY, onError })
  const first = open()
  for (const index of [1, 2, 3, 4, 5]) assert.equal(first.insert(salt(index)), true)
  await clock.runDeferred()
  assert.equal(first.insert(salt(6)), true)
  await first.close()
  const second = open()
  for (const index of [3, 4, 5, 6]) assert.equal(second.insert(salt(index)), false, `salt ${index} is known`)
  assert.equal(second.insert(salt(7)), true)
  for (const index of [4, 5, 6, 7]) assert.equal(second.insert(salt(index)), false, `salt ${index} is known still`)
  assert.equal(second.insert(salt(3)), true, 'the oldest has made room')
  await second.close()
})
