import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HostTransportSpec, hostTransport } from '../../../src/host/host-transport.ts'
import { inProcess } from '../../../src/host/in-process.ts'
import { launch } from '../../../src/host/launch.ts'
import type { LaunchOptions } from '../../../src/host/launch-options.ts'
import { runInThread } from '../../../src/host/thread.ts'

const GOOD: LaunchOptions = { command: '/nonexistent/pt', role: 'client', transports: ['a'], stateDir: '/state' }

const BAD: readonly (readonly [options: object, code: string, message: RegExp])[] = [
  [{ proxi: 'http://127.0.0.1:1' }, 'PT_OPTION_UNKNOWN', /"proxi"; did you mean "proxy"\?$/],
  [{ [Symbol('x')]: 1 }, 'PT_OPTION_UNKNOWN', /\(not a name\)/],
  [{ command: '' }, 'PT_OPTION_INVALID', /"command"/],
  [{ command: undefined }, 'PT_OPTION_INVALID', /"command"/],
  [{ args: '-x' }, 'PT_OPTION_INVALID', /"args"/],
  [{ args: [1] }, 'PT_OPTION_INVALID', /"args"/],
  [{ role: 'server' }, 'PT_OPTION_INVALID', /"orPort"/],
  [{ maxRestarts: 0 }, 'PT_OPTION_INVALID', /"maxRestarts"/],
]

for (const [index, [options, code, message]] of BAD.entries())
  test(`rejects options that are wrong before anything is started (${index})`, async () => {
    await assert.rejects(launch({ ...GOOD, ...options }), { code, message })
  })

test('every other way to a PT process refuses an option that is none, too', async () => {
  const mistyped = { ...GOOD, proxi: 'http://127.0.0.1:1' }
  const { command: _, ...contained } = mistyped
  const unknown = { code: 'PT_OPTION_UNKNOWN', message: /"proxi"; did you mean "proxy"\?$/ }
  await assert.rejects(inProcess(contained), unknown)
  await assert.rejects(runInThread(contained), unknown)
  const { command, stateDir, proxi } = mistyped
  assert.throws(() => hostTransport({ command, stateDir, proxi } as HostTransportSpec, 'a'), unknown)
})

test('takes every option that there is', async () => {
  const every: LaunchOptions = {
    ...GOOD,
    args: [],
    env: {},
    proxy: 'http://127.0.0.1:1',
    versions: ['1', '3.0'],
    logLevel: 'INFO',
    outbound: { v4: '127.0.0.1' },
    startTimeoutMs: 1_000,
    stopTimeoutMs: 1_000,
    restart: false,
    restartDelayMs: 1,
    maxRestarts: 1,
    logger: {},
    signal: new AbortController().signal,
  }
  await assert.rejects(launch(every), { code: 'PT_HOST_EXITED', message: /could not be started: ENOENT$/ })
})
