import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type HostTransportSpec, hostTransport } from '../../../src/host/host-transport.ts'
import { inProcess, startInProcess } from '../../../src/host/in-process.ts'
import { launch } from '../../../src/host/launch.ts'
import type { LaunchOptions } from '../../../src/host/launch-options.ts'
import { supervise } from '../../../src/host/supervisor.ts'
import { runInThread, startThread } from '../../../src/host/thread.ts'

const GOOD: LaunchOptions = { command: '/nonexistent/pt', role: 'client', transports: ['a'], stateDir: '/state' }

type Bad = readonly (readonly [options: object, code: string, message: RegExp])[]

/** Wrong for every way to a PT process. */
const BAD: Bad = [
  [{ proxi: 'http://127.0.0.1:1' }, 'PT_OPTION_UNKNOWN', /"proxi"; did you mean "proxy"\?$/],
  [{ [Symbol('x')]: 1 }, 'PT_OPTION_UNKNOWN', /\(not a name\)/],
  [{ args: '-x' }, 'PT_OPTION_INVALID', /"args"/],
  [{ args: null }, 'PT_OPTION_INVALID', /"args"/],
  [{ args: 5 }, 'PT_OPTION_INVALID', /"args"/],
  [{ args: [1] }, 'PT_OPTION_INVALID', /"args"/],
  [{ role: 'server' }, 'PT_OPTION_INVALID', /"orPort"/],
  [{ transports: 'a' }, 'PT_OPTION_INVALID', /"transports"/],
  [{ outbound: { ipv4: '192.0.2.1' } }, 'PT_OPTION_UNKNOWN', /"outbound" has no member "ipv4"$/],
  [{ maxRestarts: 0 }, 'PT_OPTION_INVALID', /"maxRestarts"/],
  [{ logger: 5 }, 'PT_OPTION_INVALID', /"logger"/],
  [{ logger: { warn: 5 } }, 'PT_OPTION_INVALID', /"warn"/],
  [{ signal: 5 }, 'PT_OPTION_INVALID', /"signal"/],
]

const BAD_COMMANDS: Bad = [
  [{ command: '' }, 'PT_OPTION_INVALID', /"command"/],
  [{ command: undefined }, 'PT_OPTION_INVALID', /"command"/],
  [{ command: 5 }, 'PT_OPTION_INVALID', /"command"/],
  [{ env: 5 }, 'PT_OPTION_INVALID', /"env"/],
  [{ env: null }, 'PT_OPTION_INVALID', /"env"/],
  [{ env: { A: 1 } }, 'PT_OPTION_INVALID', /"env"/],
]

const BAD_PARTS: Bad = [
  [{ registry: 5 }, 'PT_OPTION_INVALID', /"registry"/],
  [{ registry: null }, 'PT_OPTION_INVALID', /"registry"/],
  [{ registry: [] }, 'PT_OPTION_INVALID', /"registry"/],
  [{ platform: {} }, 'PT_OPTION_INVALID', /"platform"/],
]

const { command: _, ...CONTAINED } = GOOD

for (const [name, start, bad] of [
  ['launch', (options: object) => launch({ ...GOOD, ...options }), [...BAD, ...BAD_COMMANDS]],
  ['runInThread', (options: object) => runInThread({ ...CONTAINED, ...options }), BAD],
  ['inProcess', (options: object) => inProcess({ ...CONTAINED, ...options }), [...BAD, ...BAD_PARTS]],
] as const)
  for (const [index, [options, code, message]] of bad.entries())
    test(`${name}() rejects options that are wrong before anything is started (${index})`, async () => {
      await assert.rejects(start(options), { code, message })
    })

for (const options of [undefined, null, 5, 'obfs4proxy', []])
  test(`rejects ${JSON.stringify(options)} in place of options`, async () => {
    const code = 'PT_OPTION_INVALID'
    for (const start of [launch, runInThread, inProcess]) await assert.rejects(start(options as never), { code })
    assert.throws(() => hostTransport(options as never, 'a'), { code })
    await assert.rejects(supervise(startThread(), (options ?? null) as never), { code })
    await assert.rejects(supervise(startThread(), CONTAINED, (options ?? null) as never), { code })
  })

test('what makes children without a process refuses settings that are wrong at once', () => {
  for (const start of [startThread, startInProcess]) {
    assert.throws(() => start({ args: '-x' } as never), { code: 'PT_OPTION_INVALID' })
    assert.throws(() => start({ argz: [] } as never), { code: 'PT_OPTION_UNKNOWN' })
    assert.throws(() => start(null as never), { code: 'PT_OPTION_INVALID' })
  }
  assert.throws(() => startInProcess({ registry: 5 } as never), { code: 'PT_OPTION_INVALID' })
})

test('a transport of other programs refuses a mistyped option, too', () => {
  const { command, stateDir } = GOOD
  const spec = { command, stateDir, proxi: 'http://127.0.0.1:1' } as HostTransportSpec
  assert.throws(() => hostTransport(spec, 'a'), { code: 'PT_OPTION_UNKNOWN', message: /did you mean "proxy"\?$/ })
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
