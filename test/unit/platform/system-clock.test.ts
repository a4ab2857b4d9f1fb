import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { systemClock } from '../../../src/platform/system-clock.ts'

const run = promisify(execFile)
const clockUrl = new URL('../../../src/platform/system-clock.ts', import.meta.url).href

/** Runs a program with `clock` in scope in a process of its own. */
async function runWithClock(program: string): Promise<string> {
  const source = `import { systemClock as clock } from ${JSON.stringify(clockUrl)}\n${program}`
  const flags = ['--import', 'tsx', '--input-type=module', '-e', source]
  const { stdout } = await run(process.execPath, flags, { timeout: 30_000 })
  return stdout
}

test('tells wall time, and time that never goes back', () => {
  assert.ok(Math.abs(systemClock.now() - Date.now()) < 1_000)
  const first = systemClock.monotonic()
  assert.ok(systemClock.monotonic() >= first)
})

test('calls back once after the delay, not before, fractions included', async () => {
  const start = systemClock.monotonic()
  await new Promise<void>((resolve) => systemClock.setTimer(resolve, 20.5))
  // Node's timers count whole ms of a clock that is read once per turn.
  assert.ok(systemClock.monotonic() - start >= 19.5)
})

test('takes a delay of the past for none', async () => {
  await new Promise<void>((resolve) => systemClock.setTimer(resolve, -5))
})

test('refuses a delay that is not a number', () => {
  assert.throws(() => systemClock.setTimer(() => undefined, Number.NaN), RangeError)
})

test('does not call back once cancelled, and takes a second cancel', async () => {
  let called = false
  const timer = systemClock.setTimer(() => (called = true), 1)
  timer.cancel()
  timer.cancel()
  await new Promise<void>((resolve) => systemClock.setTimer(resolve, 10))
  assert.equal(called, false)
})

test('splits a delay that setTimeout cannot hold into stretches', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  let count = 0
  systemClock.setTimer(() => count++, 2 ** 32)
  context.mock.timers.tick(2 ** 31 - 1)
  context.mock.timers.tick(2 ** 31 - 1)
  context.mock.timers.tick(1)
  assert.equal(count, 0)
  context.mock.timers.tick(1)
  assert.equal(count, 1)
  context.mock.timers.tick(2 ** 31 - 1)
  assert.equal(count, 1)
})

test('cancels a long delay in a later stretch', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  let count = 0
  const timer = systemClock.setTimer(() => count++, 2 ** 31)
  context.mock.timers.tick(2 ** 31 - 1)
  timer.cancel()
  context.mock.timers.tick(2 ** 31 - 1)
  assert.equal(count, 0)
})

test('lets the process end before an unreferenced timer and deferred tasks, and keeps it for others', async () => {
  const program = `
    const again = () => clock.defer(again)
    again()
    clock.setTimer(() => console.log('unreferenced'), 2 ** 31, { ref: false })
    clock.setTimer(() => console.log('referenced'), 5)`
  assert.equal(await runWithClock(program), 'referenced\n')
})

test('runs deferred tasks while the process waits for nothing but input', async () => {
  const program = `
    import { createServer } from 'node:net'
    const server = createServer().listen(0, '127.0.0.1')
    const next = (left) => (left === 0 ? server.close(() => console.log('done')) : clock.defer(() => next(left - 1)))
    server.on('listening', () => next(8))`
  assert.equal(await runWithClock(program), 'done\n')
})

test('runs a deferred task after the input that is there, and once', async () => {
  const order: string[] = []
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      systemClock.defer(() => order.push('deferred'))
      process.nextTick(() => order.push('next tick'))
      queueMicrotask(() => order.push('microtask'))
      setTimeout(resolve, 20)
    })
  })
  assert.deepEqual(order, ['next tick', 'microtask', 'deferred'])
})

test('does not run a deferred task once cancelled', async () => {
  let ran = false
  systemClock.defer(() => (ran = true)).cancel()
  await new Promise<void>((resolve) => systemClock.setTimer(resolve, 10))
  assert.equal(ran, false)
})
