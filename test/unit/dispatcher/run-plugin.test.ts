import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { createRegistry } from '../../../src/core/registry.ts'
import type { Logger, Transport } from '../../../src/core/transport.ts'
import { runPlugin } from '../../../src/dispatcher/run-plugin.ts'
import { createMemoryPlatform, plain } from '../../../src/testing/index.ts'
import { obfs4 } from '../../../src/transports/obfs4/index.ts'

const HOST = { SS_REMOTE_HOST: '192.0.2.7', SS_REMOTE_PORT: '443', SS_LOCAL_HOST: '127.0.0.1', SS_LOCAL_PORT: '1984' }
const SERVER = { ...HOST, SS_PLUGIN_OPTIONS: 'server;state=/state' }
const CLIENT = { ...HOST, SS_PLUGIN_OPTIONS: 'transport=plain' }

interface World {
  readonly log?: Logger
  readonly directoryFailure?: string
  readonly onAccepted?: (fail: (error: Error) => void) => void
}

/** Runs a plugin in memory, until it has begun; tells what it said, and with which codes it would have exited. */
async function run(
  environment: Readonly<Record<string, string>>,
  { log = {}, directoryFailure, onAccepted }: World = {},
) {
  const platform = createMemoryPlatform()
  const binder: typeof platform.binder = {
    bind: (address, handlers) => {
      onAccepted?.(handlers.onError)
      return platform.binder.bind(address, handlers)
    },
  }
  const said: string[] = []
  const made: string[] = []
  const codes: number[] = []
  let onExit: (code: number) => void = () => {}
  const exited = new Promise<number>((resolve) => {
    onExit = resolve
  })
  const signals = new EventEmitter()
  let failLog: (error: Error) => void = () => {}
  const running = await runPlugin({
    name: 'ptkit',
    environment,
    registry: createRegistry<Transport>([obfs4, plain]),
    platform: { ...platform, binder },
    err: { writableLength: 0, write: (text) => said.push(text) },
    signals,
    makeStateDirectory: (location) => {
      made.push(location)
      return directoryFailure
    },
    openLog: async (location, level, onError) => {
      made.push(`${location}/log of ${level}`)
      failLog = onError
      return log
    },
    exit: (code) => {
      codes.push(code)
      onExit(code)
    },
  })
  return {
    platform,
    running,
    said,
    made,
    codes,
    exited,
    signals,
    failLog: (error: Error) => failLog(error),
  }
}

test('a client says nothing', async () => {
  const { platform, running, said, made } = await run(CLIENT)
  await platform.clock.settle()
  assert.deepEqual([said, made, platform.network.bindingCount], [[], [], 1])
  running!.stop()
})

test('a server says once what clients need, in a form that a client takes', async () => {
  const server = await run(SERVER)
  await server.platform.clock.settle()
  const options = /^ptkit: plugin options of clients: (?<options>transport=obfs4;cert=[\w+/]{70};iat-mode=0)\n$/.exec(
    server.said.join(''),
  )?.groups?.['options']
  assert.ok(options, server.said.join(''))
  server.running!.stop()
  const client = await run({ ...HOST, SS_PLUGIN_OPTIONS: options })
  assert.deepEqual([client.said, client.codes], [[], []])
  client.running!.stop()
  assert.deepEqual(await Promise.all([server.exited, client.exited]), [0, 0])
})

for (const [what, environment, line] of [
  ['a variable that is missing', { SS_REMOTE_HOST: 'a' }, 'SS_REMOTE_PORT is missing'],
  ['an option of nobody', { ...CLIENT, SS_PLUGIN_OPTIONS: 'transport=plain;x' }, 'Transport plain has no option "x"'],
  ['an option that is missing', HOST, 'Option "cert" is missing'],
] as const)
  test(`${what} is one line and exit code 64, before any directory is made`, async () => {
    const { running, said, codes, made } = await run(environment)
    assert.deepEqual([running, said, codes, made], [undefined, [`ptkit: ${line}\n`], [64], []])
  })

test('a state directory that cannot be made is one line and exit code 74', async () => {
  const { running, said, codes } = await run(SERVER, { directoryFailure: 'EACCES' })
  const line = 'ptkit: The directory of option "state" cannot be made: EACCES\n'
  assert.deepEqual([running, said, codes], [undefined, [line], [74]])
})

for (const [environment, side] of [
  [{ ...CLIENT, SS_LOCAL_HOST: 'taken.example' }, 'LOCAL'],
  [{ ...SERVER, SS_REMOTE_HOST: 'taken.example' }, 'REMOTE'],
] as const)
  test(`an address that cannot be listened on is one line that names SS_${side}_HOST, and exit code 69`, async () => {
    const { said, exited } = await run(environment, {
      onAccepted: () => {
        throw Object.assign(new Error('listen EACCES taken.example:1984'), { code: 'EACCES', syscall: 'listen' })
      },
    })
    assert.equal(await exited, 69)
    const address = `The address of SS_${side}_HOST and SS_${side}_PORT`
    assert.deepEqual(said, [`ptkit: ${address} cannot be listened on: listen EACCES\n`])
  })

test('a listener that fails later ends the plugin with exit code 69, and is told', async () => {
  for (const environment of [CLIENT, SERVER]) {
    let fail: (error: Error) => void = () => {}
    const { platform, said, exited, running } = await run(environment, { onAccepted: (onError) => (fail = onError) })
    await platform.clock.settle()
    fail(Object.assign(new Error('accept EBADF'), { code: 'EBADF', syscall: 'accept' }))
    assert.equal(await exited, 69)
    assert.match(said.at(-1)!, /^ptkit: error: dispatcher:listener-failed transport=\w+ code=EBADF\n$/)
    running!.stop()
  }
})

for (const signal of ['SIGTERM', 'SIGINT'])
  test(`ends with 0 at the first ${signal}`, async () => {
    const { platform, signals, exited } = await run(CLIENT)
    await platform.clock.settle()
    signals.emit(signal)
    assert.equal(await exited, 0)
    assert.equal(platform.network.bindingCount, 0)
  })

test('an error that nobody caught is one line without its message, and exit code 70', async () => {
  const { running, said, codes } = await run(CLIENT)
  running!.crash(new RangeError('at 192.0.2.7'))
  assert.deepEqual([said, codes], [['ptkit: error: process:failed name=RangeError\n'], [70]])
  running!.stop()
})

test('every event goes to the log that was asked for, a warning to standard error once', async () => {
  const events: string[] = []
  const tell = (event: string): void => void events.push(event)
  const log = { error: tell, warn: tell, info: tell, debug: tell }
  const environment = { ...CLIENT, SS_PLUGIN_OPTIONS: 'transport=plain;state=s;loglevel=DEBUG' }
  const { platform, running, said, made, failLog } = await run(environment, { log })
  assert.deepEqual(made, ['s', 's/log of DEBUG'])
  await platform.clock.settle()
  for (let count = 0; count < 2; count++) {
    const near = await platform.network.dial(
      { host: '127.0.0.1', port: 1984 },
      { signal: new AbortController().signal },
    )
    near.on('error', () => {}).resume()
    await platform.clock.settle()
  }
  assert.deepEqual(said, ['ptkit: warning: dispatcher:connect-failed transport=plain code=ECONNREFUSED\n'])
  assert.equal(events.filter((event) => event === 'dispatcher:connect-failed').length, 2)
  failLog(Object.assign(new Error('write'), { code: 'ENOSPC' }))
  assert.equal(said.at(-1), 'ptkit: warning: The log file cannot be written: ENOSPC\n')
  running!.stop()
})
