import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { PassThrough } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { DRAIN_LIMIT_MS, STOP_LIMIT_MS, superviseShutdown } from '../../../src/dispatcher/shutdown.ts'

/** Supervises a dispatcher that notes what it is asked, and is done when the test emits 'drained' or 'stopped'. */
function open(test: TestContext, { readsStdin = false } = {}) {
  test.mock.timers.enable({ apis: ['setTimeout'] })
  const calls: string[] = []
  const done = new EventEmitter()
  const signals = new EventEmitter()
  const stdin = new PassThrough()
  const ask = async (what: string, end: string): Promise<void> => {
    calls.push(what)
    await once(done, end)
  }
  const running = { drain: () => ask('drain', 'drained'), stop: () => ask('stop', 'stopped') }
  const exit = (): void => void calls.push('exit')
  const stop = superviseShutdown({ running, signals, stdin: readsStdin ? stdin : undefined, exit })
  return { calls, done, signals, stdin, stop, timers: test.mock.timers }
}

test('stops at SIGTERM, and exits when all is closed', async (t) => {
  const { calls, done, signals } = open(t)
  signals.emit('SIGTERM')
  assert.deepEqual(calls, ['stop'])
  done.emit('stopped')
  await setImmediate()
  assert.deepEqual(calls, ['stop', 'exit'])
})

test('exits within its limit though a connection does not end', (t) => {
  const { calls, signals, timers } = open(t)
  signals.emit('SIGTERM')
  timers.tick(STOP_LIMIT_MS - 1)
  assert.deepEqual(calls, ['stop'])
  timers.tick(1)
  assert.deepEqual(calls, ['stop', 'exit'])
  assert.ok(STOP_LIMIT_MS < 5_000)
})

test('exits once, whatever comes together', async (t) => {
  const { calls, done, signals, stop, timers } = open(t)
  signals.emit('SIGTERM')
  signals.emit('SIGTERM')
  stop()
  done.emit('stopped')
  await setImmediate()
  signals.emit('SIGINT')
  timers.tick(STOP_LIMIT_MS)
  assert.deepEqual(calls, ['stop', 'exit'])
})

test('drains at the first SIGINT, and exits when no connection is left', async (t) => {
  const { calls, done, signals, timers } = open(t)
  signals.emit('SIGINT')
  timers.tick(STOP_LIMIT_MS)
  assert.deepEqual(calls, ['drain'])
  done.emit('drained')
  await setImmediate()
  assert.deepEqual(calls, ['drain', 'exit'])
})

test('stops at the second SIGINT, and exits at once at the third', (t) => {
  const { calls, signals } = open(t)
  signals.emit('SIGINT')
  signals.emit('SIGINT')
  assert.deepEqual(calls, ['drain', 'stop'])
  signals.emit('SIGINT')
  assert.deepEqual(calls, ['drain', 'stop', 'exit'])
})

test('stops a drain that takes too long, or that SIGTERM cuts short', (t) => {
  const { calls, signals, timers } = open(t)
  signals.emit('SIGINT')
  timers.tick(DRAIN_LIMIT_MS)
  assert.deepEqual(calls, ['drain', 'stop'])
  const other = superviseTwice(t)
  assert.deepEqual(other, ['drain', 'stop'])
})

function superviseTwice(t: TestContext): string[] {
  t.mock.timers.reset()
  const { calls, signals } = open(t)
  signals.emit('SIGINT')
  signals.emit('SIGTERM')
  return calls
}

test('stops at the end of a standard input that matters, whatever was written to it', async (t) => {
  const { calls, stdin } = open(t, { readsStdin: true })
  stdin.write('nothing of meaning')
  await setImmediate()
  assert.deepEqual(calls, [])
  stdin.end()
  await once(stdin, 'end')
  assert.deepEqual(calls, ['stop'])
})

test('stops when a standard input that matters fails', async (t) => {
  const { calls, stdin } = open(t, { readsStdin: true })
  stdin.destroy(new Error('gone'))
  await setImmediate()
  assert.deepEqual(calls, ['stop'])
})

test('leaves a standard input alone that does not matter', async (t) => {
  const { calls, stdin } = open(t)
  stdin.destroy()
  await once(stdin, 'close')
  assert.deepEqual(calls, [])
})
