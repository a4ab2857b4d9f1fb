import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type Socket, connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { startApplicationServer } from '../support/application-server.ts'
import { closedPort } from '../support/closed-port.ts'
import type { ManagedProcess } from '../support/managed-process.ts'
import { poll } from '../support/poll.ts'
import { startPtkit } from '../support/ptkit-process.ts'
import { ptkitPath } from '../support/ptkit.ts'
import { readExactly } from '../support/read-exactly.ts'
import { pluginOptionsOf } from '../support/shadowsocks.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const LIMIT_MS = 10_000

/** What a host sets: `remote` is where the transport's server listens, `local` where the host is. */
function environmentOf(remote: number, local: number, options = ''): Record<string, string> {
  return {
    SS_REMOTE_HOST: '127.0.0.1',
    SS_REMOTE_PORT: String(remote),
    SS_LOCAL_HOST: '127.0.0.1',
    SS_LOCAL_PORT: String(local),
    SS_PLUGIN_OPTIONS: options,
  }
}

/** Standard output of each process, whole. */
const outputs = new WeakMap<ManagedProcess, string[]>()

function startPlugin(test: TestContext, environment: NodeJS.ProcessEnv, args: readonly string[] = []): ManagedProcess {
  const process = startPtkit(test, environment, args)
  const output: string[] = []
  process.child.stdout!.setEncoding('utf8').on('data', (text: string) => output.push(text))
  outputs.set(process, output)
  return process
}

/** Ends a process by a signal, or waits for its end; returns its exit code and all that it wrote. */
async function end(process: ManagedProcess, signal?: NodeJS.Signals) {
  if (signal === undefined) await once(process.child, 'close')
  else await process.kill(signal)
  return { code: process.child.exitCode, out: outputs.get(process)!.join(''), err: process.errorOutput }
}

/** Both plugins as processes, in front of an application. */
async function startPair(test: TestContext) {
  const application = await startApplicationServer(test)
  const [remote, local] = [await closedPort(), await closedPort()]
  const state = await temporaryDirectory(test)
  const server = startPlugin(test, environmentOf(remote, application.port, `server;state=${state};loglevel=info`))
  const options = await pluginOptionsOf(server)
  const client = startPlugin(test, environmentOf(remote, local, options))
  const near = await poll('the plugin of the client', LIMIT_MS, () => tryConnect(test, local))
  return { server, client, near, far: await application.arrivals.next(), state }
}

/** Connects; undefined where nobody listens yet. */
async function tryConnect(test: TestContext, port: number): Promise<Socket | undefined> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  test.after(() => socket.destroy())
  const outcome = await new Promise((resolve) => {
    socket.once('connect', () => resolve('connected')).on('error', resolve)
  })
  return outcome === 'connected' ? socket : undefined
}

test('two plugins carry bytes, pass the end of one direction on, and end at once with 0 and an empty output', async (t) => {
  const { server, client, near, far, state } = await startPair(t)
  near.end('question')
  assert.equal((await readExactly(far, 8)).toString(), 'question')
  await once(far.resume(), 'end')
  far.write('answer')
  assert.equal((await readExactly(near, 6)).toString(), 'answer')
  // With the connection open.
  const [ofClient, ofServer] = [await end(client, 'SIGTERM'), await end(server, 'SIGTERM')]
  assert.deepEqual(ofClient, { code: 0, out: '', err: '' })
  assert.deepEqual([ofServer.code, ofServer.out], [0, ''])
  assert.match(ofServer.err, /^ptkit: plugin options of clients: transport=obfs4;cert=\S{70};iat-mode=0\n$/)
  assert.match(await readFile(join(state, 'ptkit.log'), 'utf8'), /"event":"listener:open"/)
})

test('ends when its host dies', { skip: process.platform === 'win32' }, async (t) => {
  const local = await closedPort()
  const options = `cert=${'A'.repeat(70)}`
  const parent = spawn('/bin/sh', ['-c', '"$@" & echo "$!"; wait', 'sh', process.execPath, ptkitPath], {
    env: { PATH: process.env['PATH'], ...environmentOf(9, local, options) },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  t.after(() => parent.kill('SIGKILL'))
  const [id] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string]
  const near = await poll('the plugin', LIMIT_MS, () => tryConnect(t, local))
  near.resume()
  parent.kill('SIGKILL')
  await poll(`the end of ${id}`, LIMIT_MS, async () => {
    try {
      process.kill(Number(id), 0)
      return undefined
    } catch {
      return true
    }
  })
})

for (const [what, changes, code, line] of [
  ['a port that is missing', { SS_LOCAL_PORT: '' }, 64, 'SS_LOCAL_PORT is missing'],
  ['options that lack one', {}, 64, 'Option "cert" is missing'],
  [
    'an address of nobody here',
    { SS_LOCAL_HOST: '192.0.2.7', SS_PLUGIN_OPTIONS: `cert=${'A'.repeat(70)}` },
    69,
    'The address of SS_LOCAL_HOST and SS_LOCAL_PORT cannot be listened on: listen EADDRNOTAVAIL',
  ],
  [
    'a state directory under a file',
    { SS_PLUGIN_OPTIONS: `server;state=${ptkitPath}/state` },
    74,
    'The directory of option "state" cannot be made: ENOTDIR',
  ],
] as const)
  test(`tells of ${what} in one line on standard error, and exits with ${code}`, async (t) => {
    const result = await end(startPlugin(t, { ...environmentOf(9, 9), ...changes }))
    assert.deepEqual(result, { code, out: '', err: `ptkit: ${line}\n` })
  })

test('tells either parent of variables that contradict each other, and exits with 64', async (t) => {
  const result = await end(startPlugin(t, { ...environmentOf(9, 9), TOR_PT_MANAGED_TRANSPORT_VER: '1' }))
  const line = 'ENV-ERROR SS_REMOTE_HOST and TOR_PT_MANAGED_TRANSPORT_VER cannot both be set without a flag\n'
  assert.deepEqual(result, { code: 64, out: line, err: line })
})

test('tells of an argument that is for the dispatcher, on standard error alone, and exits with 64', async (t) => {
  const { code, out, err } = await end(startPlugin(t, environmentOf(9, 9), ['-state', 'x']))
  assert.deepEqual([code, out], [64, ''])
  assert.match(err, /^ptkit: SS_REMOTE_HOST is set: .*SS_PLUGIN_OPTIONS, not on the command line\n$/)
})

test('is a dispatcher where a flag names a transport, whatever a host has left in the environment', async (t) => {
  const state = await temporaryDirectory(t)
  const child = startPtkit(t, environmentOf(9, 9), ['-transport', 'obfs4', '-state', state])
  await child.line('CMETHODS DONE')
})
