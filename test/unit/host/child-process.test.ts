import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import {
  type ChildSystem,
  LAST_OUTPUT_MS,
  MAX_SLICE_LENGTH,
  startChildProcess,
} from '../../../src/host/child-process.ts'
import type { ChildExit, ChildHandlers } from '../../../src/host/child.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'

/** A process that a test plays. */
class PlayedProcess extends EventEmitter {
  readonly stdin = new PassThrough()
  readonly stdout = new PassThrough()
  readonly stderr = new PassThrough()
  readonly signals: string[] = []
  readonly pid: number | undefined
  isReferenced = true

  constructor(pid: number | undefined) {
    super()
    this.pid = pid
  }

  ref(): void {
    this.isReferenced = true
  }

  unref(): void {
    this.isReferenced = false
  }

  kill(signal: string): boolean {
    this.signals.push(signal)
    return true
  }
}

interface Scene extends ChildSystem {
  readonly played: PlayedProcess
  readonly clock: FakeClock
  readonly spawned: unknown[][]
}

function createScene(platform: NodeJS.Platform, played = new PlayedProcess(42)): Scene {
  const spawned: unknown[][] = []
  const environment = { PATH: '/bin', TOR_PT_PROXY: 'x', tor_pt_state_location: 'y', HOME: '/root' }
  return {
    platform,
    environment,
    clock: new FakeClock(),
    played,
    spawned,
    spawn: (...args) => {
      spawned.push(args)
      return played
    },
  }
}

function note(): { readonly handlers: ChildHandlers; readonly lines: string[]; readonly exits: ChildExit[] } {
  const lines: string[] = []
  const exits: ChildExit[] = []
  const handlers: ChildHandlers = {
    onLine: (line, stream) => lines.push(`${stream} ${line}`),
    onExit: (exit) => exits.push(exit),
  }
  return { handlers, lines, exits }
}

test('starts without a shell, with pipes, and without any TOR_PT_ variable of its own parent', () => {
  const scene = createScene('linux')
  const command = { command: 'pt', args: ['-x'], env: { HOME: undefined, LANG: 'C' } }
  const child = startChildProcess(command, scene)(
    { variables: { TOR_PT_STATE_LOCATION: '/s' }, flags: ['-ipcLogLevel', 'INFO'] },
    note().handlers,
  )
  assert.equal(child.pid, 42)
  assert.deepEqual(scene.spawned, [
    [
      'pt',
      ['-x', '-ipcLogLevel', 'INFO'],
      {
        env: { PATH: '/bin', HOME: undefined, LANG: 'C', TOR_PT_STATE_LOCATION: '/s' },
        stdio: 'pipe',
        shell: false,
        detached: false,
        windowsHide: true,
      },
    ],
  ])
})

test('takes no TOR_PT_ variable from the caller either, neither its value nor its absence', () => {
  const scene = createScene('linux')
  const env = { ...scene.environment, TOR_PT_SERVER_TRANSPORTS: 'z', TOR_PT_EXIT_ON_STDIN_CLOSE: undefined }
  const variables = { TOR_PT_PROXY: 'configured', TOR_PT_EXIT_ON_STDIN_CLOSE: '1' }
  startChildProcess({ command: 'pt', env }, scene)({ variables }, note().handlers)
  const [, , options] = scene.spawned[0]!
  assert.deepEqual((options as { env: object }).env, { PATH: '/bin', HOME: '/root', ...variables })
})

test('lets go of the process and its pipes, and holds them again', () => {
  const scene = createScene('linux')
  const pipes: string[] = []
  for (const name of ['stdin', 'stdout', 'stderr'] as const)
    Object.assign(scene.played[name], { ref: () => pipes.push(`+${name}`), unref: () => pipes.push(`-${name}`) })
  const child = startChildProcess({ command: 'pt' }, scene)({ variables: {} }, note().handlers)
  child.setRef!(false)
  assert.equal(scene.played.isReferenced, false)
  child.setRef!(true)
  assert.equal(scene.played.isReferenced, true)
  assert.deepEqual(pipes, ['-stdin', '-stdout', '-stderr', '+stdin', '+stdout', '+stderr'])
})

test('has three steps where there are signals, and two on Windows', () => {
  for (const [platform, signals] of [
    ['linux', ['SIGTERM', 'SIGKILL']],
    ['win32', ['SIGKILL', 'SIGKILL']],
  ] as const) {
    const scene = createScene(platform)
    const child = startChildProcess({ command: 'pt' }, scene)({ variables: {} }, note().handlers)
    child.closeInput()
    assert.equal(scene.played.stdin.writableEnded, true)
    child.terminate()
    child.kill()
    assert.deepEqual(scene.played.signals, signals)
  }
})

test('reads a flood in slices, with turns of the event loop between', async () => {
  const scene = createScene('linux')
  const { handlers, lines, exits } = note()
  startChildProcess({ command: 'pt' }, scene)({ variables: {} }, handlers)
  scene.played.stdout.write('\n'.repeat(MAX_SLICE_LENGTH * 2 + 2))
  scene.played.stdout.write('next')
  await scene.clock.settle()
  assert.equal(lines.length, MAX_SLICE_LENGTH)
  await scene.clock.runDeferred()
  assert.equal(lines.length, MAX_SLICE_LENGTH * 2)
  assert.equal(scene.played.stdout.isPaused(), true)
  scene.played.emit('exit', 0, null)
  scene.played.emit('close', 0, null)
  assert.equal(lines.length, MAX_SLICE_LENGTH * 2 + 2)
  assert.equal(exits.length, 1)
  await scene.clock.runDeferred()
  assert.equal(lines.length, MAX_SLICE_LENGTH * 2 + 2)
})

test('tells the lines of both streams, the last one without an end too, and then the exit once', async () => {
  const scene = createScene('linux')
  const { handlers, lines, exits } = note()
  const deaths: ChildExit[] = []
  const onDeath = (exit: ChildExit): void => void deaths.push(exit)
  startChildProcess({ command: 'pt' }, scene)({ variables: {} }, { ...handlers, onDeath })
  scene.played.stdout.write('VERSION 1\r\nCMETH')
  scene.played.stderr.end('warning')
  await scene.clock.settle()
  assert.deepEqual(lines, ['stdout VERSION 1'])
  scene.played.emit('exit', 7, null)
  assert.deepEqual(deaths, [{ code: 7, signal: null }])
  assert.deepEqual(exits, [])
  scene.played.emit('close', 7, null)
  assert.deepEqual(lines, ['stdout VERSION 1', 'stdout CMETH', 'stderr warning'])
  assert.deepEqual(exits, [{ code: 7, signal: null }])
  assert.equal(scene.clock.timerCount, 0)
})

test('waits for the last output no longer than its limit', async () => {
  const scene = createScene('linux')
  startChildProcess({ command: 'pt' }, scene)({ variables: {} }, note().handlers)
  scene.played.emit('exit', 0, null)
  await scene.clock.advance(LAST_OUTPUT_MS - 1)
  assert.equal(scene.played.stdout.destroyed, false)
  await scene.clock.advance(1)
  assert.equal(scene.played.stdout.destroyed, false)
  await scene.clock.runDeferred()
  assert.equal(scene.played.stdout.destroyed, true)
  assert.equal(scene.played.stderr.destroyed, true)
})

test('takes an error of the start for its exit, and leaves those of signals and pipes alone', () => {
  const failed = note()
  const scene = createScene('linux', new PlayedProcess(undefined))
  startChildProcess({ command: 'pt' }, scene)({ variables: {} }, failed.handlers)
  const error = Object.assign(new Error('spawn pt ENOENT'), { code: 'ENOENT', syscall: 'spawn pt', spawnargs: ['key'] })
  scene.played.emit('error', error)
  assert.deepEqual(
    failed.exits.map((exit) => exit.error),
    [Object.assign(new Error('spawn pt ENOENT'), { code: 'ENOENT', syscall: 'spawn pt' })],
  )

  const running = note()
  const other = createScene('linux')
  startChildProcess({ command: 'pt' }, other)({ variables: {} }, running.handlers)
  other.played.emit('error', new Error('kill EPERM'))
  for (const stream of ['stdin', 'stdout', 'stderr'] as const) other.played[stream].emit('error', new Error('EPIPE'))
  assert.deepEqual(running.exits, [])
})

test('throws nothing when the system does', async () => {
  const { handlers, exits } = note()
  const child = startChildProcess({ command: 'a\0b' })({ variables: {} }, handlers)
  assert.equal(exits.length, 0)
  child.closeInput()
  child.terminate()
  child.kill()
  await new FakeClock().settle()
  assert.match(exits.map(({ error }) => error?.message).join(), /null bytes/)
})
