import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MemoryStore } from '../../../src/testing/index.ts'

const SLOTS = 'slots'
const zeros = (): Buffer => Buffer.alloc(8)

describe('MemoryStore', () => {
  it('reads what was replaced, copies of it, and undefined where there is nothing', async () => {
    const directory = await new MemoryStore().directory('/state')
    assert.equal(await directory.read('a'), undefined)
    const content = Buffer.from('one')
    await directory.replace('a', content)
    content.fill(0)
    const read = await directory.read('a')
    assert.equal(String(read), 'one')
    read!.fill(0)
    await directory.replace('b', 'text')
    assert.deepEqual([String(await directory.read('a')), String(await directory.read('b'))], ['one', 'text'])
  })

  it('keeps slots over a restart, and lets one at a time have them', async () => {
    const store = new MemoryStore()
    const directory = await store.directory('/state')
    const file = await directory.openSlots(SLOTS, 8, zeros)
    await file.write(2, Buffer.from([7, 7]))
    await assert.rejects(directory.openSlots(SLOTS, 8, zeros), { code: 'PT_STATE_LOCKED' })
    assert.equal(store.lockCount, 1)
    store.dropLocks()
    const again = await directory.openSlots(SLOTS, 8, zeros)
    assert.deepEqual([...again.initial], [0, 0, 7, 7, 0, 0, 0, 0])
    await again.close()
    await assert.rejects(
      directory.openSlots(SLOTS, 9, () => Buffer.alloc(9)),
      { code: 'PT_STATE_CORRUPT' },
    )
    assert.equal(store.lockCount, 0)
  })

  it('fails in what it was told to, until it is healed', async () => {
    const store = new MemoryStore()
    const directory = await store.directory('/state')
    const file = await directory.openSlots(SLOTS, 8, zeros)
    await directory.replace('a', 'old')
    store.fillDisk()
    await assert.rejects(file.write(0, Buffer.from([1])), { code: 'ENOSPC' })
    await assert.rejects(directory.replace('a', 'new'), { code: 'ENOSPC' })
    assert.equal(String(await directory.read('a')), 'old')
    store.fail('read')
    store.fail('directory')
    await assert.rejects(directory.read('a'), { code: 'EIO' })
    await assert.rejects(store.directory('/other'), { code: 'PT_STATE_UNUSABLE' })
    store.heal()
    await file.write(0, Buffer.from([1]))
    assert.equal(store.files.get('/state/slots')![0], 1)
  })
})
