import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LAST_LINE_COUNT } from '../../../src/host/child-run.ts'
import { MAX_EARLY_EVENTS } from '../../../src/host/supervisor.ts'
import { CLIENT, READY, SupervisedWorld as World } from '../../support/supervised-world.ts'

test('resolves when the methods are known, and hands the variables over', async () => {
  const world = new World()
  const host = await world.ready()
  assert.equal(world.children.last.setup.variables['TOR_PT_CLIENT_TRANSPORTS'], 'a')
  assert.equal(host.role, 'client')
  assert.equal(host.version, '1')
  assert.equal(host.pid, world.children.last.pid)
  assert.equal(host.methods.get('a')?.address.port, 7)
  assert.deepEqual([...host.failures], [])
  assert.equal(world.clock.timerCount, 0)
})

test('starts nothing with a configuration or limits that are wrong', async () => {
  for (const [supervision, configuration] of [
    [{}, { ...CLIENT, transports: [] }],
    [{ startTimeoutMs: 0 }, CLIENT],
    [{ stopTimeoutMs: 2 ** 31 }, CLIENT],
    [{ restartDelayMs: 1.5 }, CLIENT],
    [{ maxRestarts: -1 }, CLIENT],
    [{ restart: 'no' as unknown as boolean }, CLIENT],
  ] as const) {
    const world = new World(supervision, configuration)
    await assert.rejects(world.launched, { code: 'PT_OPTION_INVALID' })
    assert.equal(world.children.all.length, 0)
  }
})

test('rejects with how the child ended, and its last line without control characters', async () => {
  const world = new World()
  world.children.last.complain('panic: \u001b[31mno state', '')
  world.children.last.exit({ code: 3, signal: null })
  await assert.rejects(world.launched, {
    code: 'PT_HOST_EXITED',
    message: /code 3; its last line was: panic: {2}\[31mno/,
  })
  assert.equal(world.clock.timerCount, 0)

  const killed = new World()
  killed.children.last.exit({ code: null, signal: 'SIGSEGV' })
  await assert.rejects(killed.launched, { code: 'PT_HOST_EXITED', message: /signal SIGSEGV$/ })
})

test('rejects with why the child could not be started', async () => {
  const world = new World()
  const cause = Object.assign(new Error('spawn x ENOENT'), { code: 'ENOENT' })
  world.children.last.exit({ code: null, signal: null, error: cause })
  await assert.rejects(world.launched, { code: 'PT_HOST_EXITED', message: /not be started: ENOENT$/, cause })
})

test('ends a child that stays silent, and rejects when it is gone', async () => {
  const world = new World({ startTimeoutMs: 500 })
  const { last } = world.children
  last.obeys.clear()
  last.obeys.add('kill')
  last.say('VERSION 1', 'CMETHOD a socks5 127.0.0.1:7')
  await world.clock.advance(499)
  assert.deepEqual(last.steps, [])
  await world.clock.advance(1)
  assert.deepEqual(last.steps, ['input', 'terminate'])
  last.say('CMETHODS DONE')
  await world.clock.advance(1_000)
  assert.deepEqual(last.steps, ['input', 'terminate', 'kill'])
  await assert.rejects(world.launched, { code: 'PT_HOST_TIMEOUT', message: /500 ms/ })
  assert.equal(world.clock.timerCount, 0)
})

test('ends a child that breaks the grammar, and rejects with what it said until it was gone', async () => {
  const world = new World()
  const { last } = world.children
  last.obeys.delete('input')
  last.obeys.delete('terminate')
  last.say('VERSION 1', 'CMETHODS DONE')
  last.complain('CMETHOD-ERROR a told late')
  await world.clock.advance(1_000)
  await assert.rejects(world.launched, { code: 'PT_HOST_FAILED', message: /a: told late$/ })
})

test('tells what came before anybody could listen, one turn after it resolved', async () => {
  const world = new World()
  world.children.last.complain('warning: x')
  world.children.last.say('VERSION 1', 'LOG SEVERITY=info MESSAGE="early"', 'STATUS TYPE=version', 'junk')
  await world.ready(READY.slice(1))
  assert.deepEqual(world.told, [
    ['line', 'warning: x', 'stderr'],
    ['log', { severity: 'info', message: 'early' }],
    ['status', { TYPE: 'version' }],
    ['line', 'junk', 'stdout'],
  ])
})

test('keeps no more early events than its limit', async () => {
  const world = new World()
  for (let count = 0; count < MAX_EARLY_EVENTS + 50; count++) world.children.last.say(`junk ${count}`)
  await world.ready()
  assert.equal(world.told.length, MAX_EARLY_EVENTS)
  assert.equal(world.told[0]?.[1], 'junk 50')
})

test('tells logs, status and other lines as they come; LOG on standard error is just a line', async () => {
  const world = new World()
  const host = await world.ready()
  world.children.last.say('LOG WARN disk', 'STATUS TRANSPORT=a X=1', 'CMETHOD a socks5 127.0.0.1:9', 'LOG x')
  world.children.last.complain('LOG WARN disk', 'CMETHOD-ERROR a late')
  world.children.last.say('CMETHOD-ERROR a later')
  assert.deepEqual(world.told, [
    ['log', { severity: 'warning', message: 'disk' }],
    ['status', { TRANSPORT: 'a', X: '1' }],
    ['line', 'CMETHOD a socks5 127.0.0.1:9', 'stdout'],
    ['line', 'LOG x', 'stdout'],
    ['line', 'LOG WARN disk', 'stderr'],
    ['line', 'CMETHOD-ERROR a late', 'stderr'],
    ['line', 'CMETHOD-ERROR a later', 'stdout'],
  ])
  assert.deepEqual([[...host.methods.keys()], host.failures.size], [['a'], 0])
})

test('stops in three steps, and tells how the child ended', async () => {
  const world = new World({ stopTimeoutMs: 300 })
  const host = await world.ready()
  const { last } = world.children
  last.obeys.clear()
  const stopped = host.stop()
  assert.equal(host.stop(), stopped)
  await world.clock.settle()
  assert.deepEqual(last.steps, ['input'])
  await world.clock.advance(299)
  assert.deepEqual(last.steps, ['input'])
  await world.clock.advance(1)
  assert.deepEqual(last.steps, ['input', 'terminate'])
  await world.clock.advance(300)
  assert.deepEqual(last.steps, ['input', 'terminate', 'kill'])
  last.exit({ code: null, signal: 'SIGKILL' })
  const exit = await stopped
  assert.deepEqual({ ...exit }, { code: null, signal: 'SIGKILL', lastLines: READY })
  assert.deepEqual(world.names, ['close'])
  assert.equal(host.pid, undefined)
  assert.equal(host.methods.size, 0)
  assert.equal(world.clock.timerCount, 0)
  await world.clock.advance(100_000)
  assert.equal(world.children.all.length, 1)
})

test('stops a child that obeys at the first step', async () => {
  const world = new World()
  const host = await world.ready()
  await host.stop()
  assert.deepEqual(world.children.last.steps, ['input'])
  assert.equal(world.clock.timerCount, 0)
})

test('keeps the last lines of a child, the oldest dropped and each cut', async () => {
  const world = new World()
  const host = await world.ready()
  world.children.last.say(...Array.from({ length: 30 }, (_, count) => `line ${count}`), 'x'.repeat(5_000))
  const { lastLines } = await host.stop()
  assert.equal(lastLines.length, LAST_LINE_COUNT)
  assert.equal(lastLines[0], 'line 11')
  assert.equal(lastLines.at(-1)?.length, 1_000)
})

test('starts a child that ended by itself again, with other ports', async () => {
  const world = new World()
  const host = await world.ready()
  world.children.last.exit({ code: 1, signal: null })
  assert.deepEqual(world.told, [
    ['exit', { code: 1, signal: null, lastLines: READY }],
    ['restart', 1_000, 1],
  ])
  assert.equal(host.methods.size, 0)
  assert.equal(host.pid, undefined)
  await world.clock.advance(999)
  assert.equal(world.children.all.length, 1)
  await world.clock.advance(1)
  assert.equal(world.children.all.length, 2)
  world.children.last.say('VERSION 2.1', 'CMETHOD a socks5 127.0.0.1:8', 'CMETHODS DONE')
  assert.deepEqual(world.names, ['exit', 'restart', 'ready'])
  assert.equal(host.methods.get('a')?.address.port, 8)
  assert.equal(host.version, '2.1')
  await host.stop()
  assert.deepEqual(world.names, ['exit', 'restart', 'ready', 'close'])
})

test('doubles the delay up to a minute for a child that does not last, and begins anew after a minute', async () => {
  const world = new World()
  await world.ready()
  const delays: unknown[] = []
  const die = async (afterMs: number): Promise<void> => {
    await world.clock.advance(afterMs)
    world.children.last.exit()
    const [, delay] = world.told.at(-1)!
    delays.push(delay)
    await world.clock.advance(delay as number)
    world.children.last.say(...READY)
  }
  for (let count = 0; count < 8; count++) await die(59_999)
  await die(60_000)
  await die(1)
  assert.deepEqual(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 1_000, 2_000])
})

test('gives a child up when too many starts in a row have failed', async () => {
  const world = new World({ maxRestarts: 3, restartDelayMs: 10 })
  await world.ready()
  world.children.last.exit()
  for (const delay of [10, 20, 40]) {
    await world.clock.advance(delay)
    world.children.last.say('VERSION 1')
    world.children.last.exit({ code: 9, signal: null })
  }
  assert.deepEqual(world.names, ['exit', 'restart', 'exit', 'restart', 'exit', 'restart', 'exit', 'error', 'close'])
  const [, error] = world.told.at(-2)! as [string, { code: string }]
  assert.equal(error.code, 'PT_HOST_EXITED')
  assert.equal(world.children.all.length, 4)
  assert.equal(world.clock.timerCount, 0)
  const host = await world.launched
  assert.equal((await host.stop()).code, 9)
  assert.equal(world.names.filter((name) => name === 'close').length, 1)
})

test('a start that succeeds clears the count of those that failed', async () => {
  const world = new World({ maxRestarts: 2, restartDelayMs: 10 })
  await world.ready()
  for (let round = 0; round < 3; round++) {
    world.children.last.exit()
    await world.clock.advance(1_000)
    world.children.last.exit()
    await world.clock.advance(1_000)
    world.children.last.say(...READY)
  }
  assert.equal(world.names.filter((name) => name === 'ready').length, 3)
  assert.equal(world.names.includes('error'), false)
})

test('goes by the configuration as it was given, whatever becomes of it', async () => {
  const transports = ['a']
  const versions = ['1']
  const world = new World({}, { ...CLIENT, transports, versions })
  transports[0] = 'b'
  versions[0] = '3.0'
  const host = await world.ready()
  assert.deepEqual([...host.methods.keys()], ['a'])
})

test('does not start again where that is not wanted', async () => {
  const world = new World({ restart: false })
  await world.ready()
  world.children.last.exit()
  assert.deepEqual(world.names, ['exit', 'close'])
  assert.equal(world.clock.timerCount, 0)
})

test('keeps nothing usable when a restarted child does not confirm the proxy', async () => {
  const world = new World({ maxRestarts: 1 }, { ...CLIENT, proxy: 'http://127.0.0.1:1' })
  world.children.last.say('VERSION 1', 'PROXY DONE', ...READY.slice(1))
  const host = await world.launched
  host.on('error', (error) => world.told.push(['error', error]))
  await world.clock.runDeferred()
  world.children.last.exit()
  await world.clock.advance(1_000)
  world.children.last.say(...READY)
  assert.equal(host.methods.size, 0)
  await world.clock.settle()
  assert.equal((world.told.at(-1)! as [string, { code: string }])[1].code, 'PT_HOST_PROXY')
})

test('can be stopped while it waits for a restart, and while the next child starts', async () => {
  const waiting = new World()
  const host = await waiting.ready()
  waiting.children.last.exit({ code: 4, signal: null })
  assert.equal((await host.stop()).code, 4)
  assert.deepEqual(waiting.names, ['exit', 'restart', 'close'])
  assert.equal(waiting.clock.timerCount, 0)

  const starting = new World()
  const other = await starting.ready()
  starting.children.last.exit()
  await starting.clock.advance(1_000)
  await other.stop()
  assert.deepEqual(starting.children.last.steps, ['input'])
  assert.deepEqual(starting.names, ['exit', 'restart', 'close'])
  assert.equal(starting.clock.timerCount, 0)
})

test('takes back what a child has offered when it is dead, before its last lines are read', async () => {
  const world = new World()
  const host = await world.ready()
  host.on('died', (exit) => world.told.push(['died', exit]))
  const { last } = world.children
  last.die()
  assert.equal(host.methods.size, 0)
  assert.equal(host.pid, undefined)
  last.say('last words')
  last.exit({ code: null, signal: 'SIGKILL' })
  assert.deepEqual(world.names, ['died', 'line', 'exit', 'restart'])
  assert.deepEqual(world.told[0]?.[1], { code: null, signal: 'SIGKILL' })
  await world.clock.advance(1_000)
  world.children.last.say(...READY)
  world.children.last.exit({ code: 1, signal: null })
  assert.deepEqual(world.names.slice(4), ['ready', 'died', 'exit', 'restart'])
})

test('takes no child for ready whose last lines say so when it is dead', async () => {
  const world = new World()
  const { last } = world.children
  last.die()
  last.say(...READY)
  last.exit({ code: null, signal: 'SIGKILL' })
  await assert.rejects(world.launched, { code: 'PT_HOST_EXITED', message: /signal SIGKILL/ })
})

test('does not promise a restart to a listener that has stopped it', async () => {
  const world = new World()
  const host = await world.ready()
  host.once('exit', () => void host.stop())
  world.children.last.exit()
  await world.clock.settle()
  assert.deepEqual(world.names, ['exit', 'close'])
  assert.equal(world.clock.timerCount, 0)
})

test('an abort ends a start with its reason, and later the process', async () => {
  const reason = new Error('enough')
  const early = new AbortController()
  const world = new World({ signal: early.signal })
  early.abort(reason)
  await assert.rejects(world.launched, reason)
  assert.equal(world.children.last.steps[0], 'input')
  assert.equal(world.clock.timerCount, 0)

  const odd = new AbortController()
  const { launched } = new World({ signal: odd.signal })
  odd.abort('no error')
  await assert.rejects(launched, (thrown) => thrown === 'no error')

  const before = new World({ signal: AbortSignal.abort(reason) })
  await assert.rejects(before.launched, reason)
  assert.equal(before.children.all.length, 0)

  const late = new AbortController()
  const running = new World({ signal: late.signal })
  await running.ready()
  late.abort()
  await running.clock.settle()
  assert.deepEqual(running.names, ['close'])
})
