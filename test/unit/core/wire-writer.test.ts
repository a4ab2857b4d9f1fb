import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Segment } from '../../../src/core/codec.ts'
import { WireWriter } from '../../../src/core/wire-writer.ts'
import { openLink } from '../../support/scripted-connection.ts'

const segment = (text: string, delayMs?: number): Segment => ({
  bytes: Buffer.from(text),
  ...(delayMs !== undefined && { delayMs }),
})

async function openWriter(capacity?: number) {
  const { clock, link } = await openLink(capacity)
  const log: string[] = []
  const note = (name: string) => (error?: Error | null) => log.push(`${name} ${error ? 'failed' : 'done'}`)
  return { clock, link, log, note, wire: link.toServer, writer: new WireWriter(link.client, clock) }
}

test('writes batches in order and calls each back as it leaves', async () => {
  const { writer, wire, log, note } = await openWriter()
  writer.write([segment('a'), segment('b')], note('first'))
  writer.write([segment('c')], note('second'))
  assert.equal(wire.sent.toString(), 'abc')
  assert.equal(writer.bytesWritten, 3)
  assert.deepEqual(log, ['first done', 'second done'])
})

test('calls back a batch without segments, in its turn', async () => {
  const { writer, clock, log, note } = await openWriter()
  writer.write([segment('a', 10)], note('slow'))
  writer.write([], note('empty'))
  assert.deepEqual(log, [])
  await clock.advance(10)
  assert.deepEqual(log, ['slow done', 'empty done'])
})

test('waits for the delay of an empty segment, which writes nothing', async () => {
  const { writer, clock, wire } = await openWriter()
  writer.write([segment('', 25), segment('a')])
  await clock.advance(24)
  assert.equal(wire.sentLength, 0)
  await clock.advance(1)
  assert.equal(wire.sent.toString(), 'a')
})

test('writes no faster than the stream drains, with delays and without', async () => {
  const { writer, clock, link, wire, log, note } = await openWriter(1)
  wire.hold()
  link.server.resume()
  const large = 'x'.repeat(20_000)
  writer.write([segment(large), segment(large, 5), segment(large)], note('batch'))
  await clock.advance(100)
  const before = wire.sentLength + link.client.writableLength
  assert.ok(before <= 40_000, `${before} bytes were handed to a stream that takes none`)
  assert.deepEqual(log, [])
  wire.release()
  await clock.advance(100)
  assert.equal(wire.sentLength, 60_000)
  assert.deepEqual(log, ['batch done'])
})

test('a batch that is written by a callback keeps its place', async () => {
  const { writer, wire } = await openWriter()
  writer.write([segment('1')], () => writer.write([segment('3')]))
  writer.write([segment('2', 0)])
  assert.equal(wire.sent.toString(), '132')
})

test('ends after all batches and their delays, once, and takes nothing more', async () => {
  const { writer, clock, wire, log, note } = await openWriter()
  writer.write([segment('a', 10)], note('batch'))
  writer.end(note('end'))
  writer.end(note('second end'))
  writer.write([segment('b')], note('late'))
  await clock.settle()
  assert.deepEqual(log, ['late failed'])
  assert.equal(wire.hasEnded, false)
  await clock.advance(10)
  assert.equal(wire.hasEnded, true)
  assert.deepEqual(log, ['late failed', 'batch done', 'end done', 'second end done'])
  writer.end(note('third end'))
  await clock.settle()
  assert.deepEqual(log.slice(4), ['third end done'])
  assert.equal(wire.sent.toString(), 'a')
})

test('when destroyed returns every outstanding callback once and cancels its timer', async () => {
  const { writer, clock, wire, log, note } = await openWriter()
  writer.write([segment('a', 10), segment('b')], note('first'))
  writer.write([segment('c')], note('second'))
  for (const done of writer.destroy()) done(new Error('over'))
  assert.deepEqual(writer.destroy(), [])
  writer.write([segment('d')], note('late'))
  writer.end(note('end'))
  await clock.advance(1000)
  assert.deepEqual(log, ['first failed', 'second failed', 'late failed'])
  assert.equal(wire.sent.toString(), 'a')
  assert.equal(clock.timerCount, 0)
})

test('may be destroyed by a callback of its own', async () => {
  const { writer, wire, log, note } = await openWriter()
  writer.write([segment('a')], () => void writer.destroy())
  writer.write([segment('b')], note('after'))
  assert.deepEqual(log, ['after failed'])
  assert.equal(wire.sent.toString(), 'a')
})
