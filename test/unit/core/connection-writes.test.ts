import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_SEND_LENGTH } from '../../../src/core/connection.ts'
import { clientScene } from '../../support/scripted-connection.ts'

const OPENS = { start: () => ({ established: true as const }) }
const LONG = 3 * MAX_SEND_LENGTH + 1

test('a long write goes to the codec in parts, a turn of the event loop between them', async () => {
  const lengths: number[] = []
  const turns: number[] = []
  let turn = 0
  const { connection, clock } = await clientScene({
    ...OPENS,
    send: (chunks) => {
      lengths.push(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0))
      turns.push(turn)
      return {}
    },
  })
  const count = (): void => {
    turn += 1
    if (lengths.length < 4) setImmediate(count)
  }
  setImmediate(count)
  let written = 0
  connection.write(Buffer.alloc(LONG), () => (written += 1))
  assert.equal(connection.bytesWritten, LONG)
  await clock.settle()
  assert.deepEqual(lengths, [MAX_SEND_LENGTH, MAX_SEND_LENGTH, MAX_SEND_LENGTH, 1])
  assert.equal(new Set(turns).size, 4, turns.join())
  assert.equal(written, 1)
  assert.equal(connection.bytesWritten, LONG)
  connection.destroy()
  await clock.settle()
})

test('a long write that is interrupted by destroy() is told once, after close, with net’s code', async () => {
  const { connection, clock, events } = await clientScene({ ...OPENS, send: () => ({}) })
  connection.write(Buffer.alloc(LONG), (error) => events.push(`write ${(error as NodeJS.ErrnoException).code}`))
  connection.destroy()
  await clock.settle()
  assert.deepEqual(events.slice(-2), ['close', 'write ERR_STREAM_DESTROYED'])
  assert.equal(connection.bytesWritten, LONG)
})

test('close tells no error when there was none, although a write was left undone', async () => {
  const { connection, clock } = await clientScene({ start: () => ({}) })
  const told: unknown[] = []
  connection.write('never', (error) => told.push((error as NodeJS.ErrnoException).code))
  connection.on('close', (hadError: boolean) => told.push(hadError))
  connection.destroy()
  await clock.settle()
  assert.deepEqual(told, [false, 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION'])
})
