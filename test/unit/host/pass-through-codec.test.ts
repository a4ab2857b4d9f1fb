import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { ChildWatch, EXIT_NEWS_MS, watchFor } from '../../../src/host/child-watch.ts'
import { PassThroughCodec } from '../../../src/host/pass-through-codec.ts'
import type { PtProcess } from '../../../src/host/pt-process.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'

const KILLED = { code: null, signal: 'SIGKILL', lastLines: [] }

function open() {
  const clock = new FakeClock()
  const process = new EventEmitter() as unknown as PtProcess
  const watch = new ChildWatch(clock)
  watch.follow(process)
  const codec = new PassThroughCodec(watch)
  assert.deepEqual(codec.start(), { established: true })
  return { clock, process, watch, codec, signal: new AbortController().signal }
}

test('passes copies of the bytes on', () => {
  const { codec } = open()
  const bytes = Buffer.from('in')
  const step = codec.receive(bytes)
  bytes.fill(0)
  assert.equal(String(step.data), 'in')
  const chunks = [Buffer.from('o'), Buffer.from('ut')]
  const sent = codec.send(chunks)
  chunks[0]!.fill(0)
  assert.deepEqual(
    sent.wire?.map(({ bytes: wire }) => String(wire)),
    ['out'],
  )
})

test('believes an end once there was time for news of the child', async () => {
  const { clock, codec, signal } = open()
  const told = codec.finish().pending!(signal)
  let isTold = false
  void told.then(() => (isTold = true))
  await clock.advance(EXIT_NEWS_MS - 1)
  assert.equal(isTold, false)
  await clock.advance(1)
  assert.equal(isTold, true)
  assert.deepEqual(codec.finish(), {})
  assert.equal(clock.timerCount, 0)
})

test('fails where the child has died before the end came, or dies in the time after', async () => {
  const before = open()
  before.process.emit('died', KILLED)
  assert.equal(before.codec.finish().close?.code, 'PT_HOST_EXITED')
  const after = open()
  const told = after.codec.finish().pending!(after.signal)
  after.process.emit('died', { ...KILLED, code: 2, signal: null })
  await told
  assert.match(after.codec.finish().close!.message, /with code 2$/)
  assert.equal(after.clock.timerCount, 0)
})

test('does not mind the death of an earlier child', async () => {
  const { process, watch, signal, clock } = open()
  process.emit('died', KILLED)
  const codec = new PassThroughCodec(watch)
  codec.start()
  const told = codec.finish().pending!(signal)
  await clock.advance(EXIT_NEWS_MS)
  await told
  assert.deepEqual(codec.finish(), {})
})

test('leaves no timer when its connection is destroyed meanwhile', async () => {
  const { codec, clock } = open()
  const ending = new AbortController()
  const told = codec.finish().pending!(ending.signal)
  ending.abort()
  await told
  assert.equal(clock.timerCount, 0)
})

test('follows a process once, and no more once it has let go', () => {
  const { process, watch, clock } = open()
  watch.release(process)
  process.emit('died', KILLED)
  assert.equal(watch.deathCount, 0)
  assert.equal(watchFor(process, clock), watchFor(process, clock))
  assert.equal(process.listenerCount('died'), 1)
})
