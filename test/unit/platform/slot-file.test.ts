import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LockedSlotFile, type SlotHandle } from '../../../src/platform/slot-file.ts'

interface Call {
  readonly text: string
  readonly position: number
  settle(error?: Error, bytesWritten?: number): void
}

/** A file handle whose writes end when the test says so, and the order of what happened to it. */
class ManualHandle {
  readonly calls: Call[] = []
  readonly history: string[] = []

  readonly handle = {
    write: (bytes, position, done) => {
      this.calls.push({
        text: bytes.toString('latin1'),
        position,
        settle: (error, writtenLength = bytes.length) => done(error ?? null, writtenLength),
      })
    },
    close: async () => void this.history.push('close'),
  } satisfies SlotHandle

  readonly lock = { release: async () => void this.history.push('release') }

  file(length = 32): LockedSlotFile {
    return new LockedSlotFile(this.handle, this.lock, Buffer.alloc(length))
  }

  /** Waits for the call of this index. */
  async call(index: number): Promise<Call> {
    while (this.calls.length <= index) await new Promise(setImmediate)
    return this.calls[index]!
  }
}

const diskFull = Object.assign(new Error('no space left'), { code: 'ENOSPC' })

test('rejects with the error of the system, and writes on afterwards', async () => {
  const manual = new ManualHandle()
  const file = manual.file()
  const first = file.write(0, Buffer.from('first'))
  const second = file.write(8, Buffer.from('second'))
  ;(await manual.call(0)).settle(diskFull)
  await assert.rejects(first, diskFull)
  ;(await manual.call(1)).settle()
  await second
  assert.equal(manual.calls.length, 2)
})

test('writes one after the other, in the order given, from a copy', async () => {
  const manual = new ManualHandle()
  const file = manual.file()
  const bytes = Buffer.from('one')
  const writes = [file.write(4, bytes)]
  bytes.write('two')
  writes.push(file.write(4, bytes))
  const first = await manual.call(0)
  await new Promise(setImmediate)
  assert.deepEqual([manual.calls.length, first.text, first.position], [1, 'one', 4])
  first.settle()
  const second = await manual.call(1)
  assert.equal(second.text, 'two')
  second.settle()
  await Promise.all(writes)
})

test('begins at once when no write is under way', async () => {
  const manual = new ManualHandle()
  const file = manual.file()
  for (const count of [1, 2]) {
    const written = file.write(0, Buffer.from('x'))
    assert.equal(manual.calls.length, count)
    manual.calls[count - 1]!.settle()
    await written
    await new Promise(setImmediate)
  }
})

test('goes on with the rest when one call writes in part', async () => {
  const manual = new ManualHandle()
  const written = manual.file().write(10, Buffer.from('abcdef'))
  ;(await manual.call(0)).settle(undefined, 2)
  const rest = await manual.call(1)
  assert.deepEqual([rest.text, rest.position], ['cdef', 12])
  rest.settle()
  await written
})

test('closes after the writes under way, then releases the lock, once', async () => {
  const manual = new ManualHandle()
  const file = manual.file()
  const written = file.write(0, Buffer.from('x'))
  const closed = Promise.all([file.close(), file.close()])
  const call = await manual.call(0)
  assert.deepEqual(manual.history, [])
  call.settle()
  await written
  await closed
  assert.deepEqual(manual.history, ['close', 'release'])
  await assert.rejects(file.write(0, Buffer.from('x')), /closed/)
})

test('releases the lock even if the file cannot be closed', async () => {
  const manual = new ManualHandle()
  const handle = { ...manual.handle, close: () => Promise.reject(diskFull) }
  const file = new LockedSlotFile(handle, manual.lock, Buffer.alloc(1))
  await assert.rejects(file.close(), diskFull)
  assert.deepEqual(manual.history, ['release'])
})

test('refuses to write outside of the file', async () => {
  const file = new ManualHandle().file(8)
  for (const position of [-1, 5, 0.5, Number.NaN]) {
    await assert.rejects(file.write(position, Buffer.alloc(4)), RangeError)
  }
})
