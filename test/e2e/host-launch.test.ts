import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LAST_OUTPUT_MS } from '../../src/host/child-process.ts'
import { launch } from '../../src/host/launch.ts'
import type { LaunchOptions } from '../../src/host/launch-options.ts'
import type { PtProcess } from '../../src/host/pt-process.ts'
import { startApplicationServer } from '../support/application-server.ts'
import { ManagedProcess } from '../support/managed-process.ts'
import { skipWithoutObfs4proxy } from '../support/obfs4proxy.ts'
import { poll } from '../support/poll.ts'
import { skipWithoutProc } from '../support/process-usage.ts'
import { ptkitPath } from '../support/ptkit.ts'
import { readExactly } from '../support/read-exactly.ts'
import { connectThroughSocks } from '../support/socks-client.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const LIMIT = { timeout: 60_000 }
const MANY = 200

/** The two programs, and whether a test of each must be skipped. */
const PROGRAMS = [
  { name: 'obfs4proxy', command: 'obfs4proxy', skip: skipWithoutObfs4proxy },
  { name: 'ptkit', command: ptkitPath, skip: false },
] as const

async function launched(test: TestContext, options: Partial<LaunchOptions> & { command: string }): Promise<PtProcess> {
  const stateDir = await temporaryDirectory(test)
  const host = await launch({ role: 'client', transports: ['obfs4'], stateDir, ...options })
  test.after(() => host.stop())
  return host
}

/** Launches a script of Node as the child. */
function launchScript(test: TestContext, script: string, options: Partial<LaunchOptions> = {}): Promise<PtProcess> {
  return launched(test, { command: process.execPath, args: ['--eval', script], transports: ['a'], ...options })
}

const READY = `console.log('VERSION 1\\nCMETHOD a socks5 127.0.0.1:7\\nCMETHODS DONE');`
const HOLD = 'setInterval(() => {}, 1e6);'

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

for (const { name, command, skip } of PROGRAMS) {
  for (const version of ['1', '2.1', '3.0'])
    test(
      `launches ${name} as client and server when ${version} is offered, or hears that it cannot`,
      { skip },
      async (t) => {
        const offered = launched(t, { command, versions: [version] })
        if (name === 'obfs4proxy' && version !== '1') {
          await assert.rejects(offered, { code: 'PT_HOST_FAILED', message: /versions that were offered: no-version/ })
          return
        }
        const client = await offered
        assert.equal(client.version, version)
        assert.equal(client.methods.get('obfs4')?.address.host, '127.0.0.1')
        const orPort = { host: '127.0.0.1', port: 9 }
        const bind = { obfs4: { host: '127.0.0.1', port: 0 } }
        const options = { obfs4: { 'iat-mode': '1' } }
        const server = await launched(t, { command, role: 'server', versions: [version], orPort, bind, options })
        const method = server.methods.get('obfs4')!
        assert.ok(method.kind === 'server')
        assert.match(method.clientArguments['cert']!, /^[\w+/]{70}$/)
        assert.equal(method.clientArguments['iat-mode'], '1')
        for (const host of [client, server]) assert.equal((await host.stop()).code, 0)
      },
    )

  test(`${name} as a child: one transport that it does not know fails among good ones`, { skip }, async (t) => {
    const host = await launched(t, { command, transports: ['nothing', 'obfs4'] })
    assert.deepEqual([...host.methods.keys()], ['obfs4'])
    assert.deepEqual([...host.failures.keys()], ['nothing'])
  })

  test(`${name} as a child: a proxy is confirmed`, { skip }, async (t) => {
    const host = await launched(t, { command, proxy: 'socks5://127.0.0.1:9' })
    assert.equal(host.methods.size, 1)
  })
}

test('has ptkit send LOG lines from the level that was asked for on, and none unasked', LIMIT, async (t) => {
  const cert = Buffer.alloc(52, 9).toString('base64').slice(0, -2)
  const logged = async (options: Partial<LaunchOptions>): Promise<readonly string[]> => {
    const host = await launched(t, { command: ptkitPath, versions: ['3.0'], ...options })
    const severities: string[] = []
    host.on('log', ({ severity }) => severities.push(severity))
    await assert.rejects(connectThroughSocks(host.methods.get('obfs4')!.address.port, 9, { cert, 'iat-mode': '0' }))
    await host.stop()
    return severities
  }
  assert.deepEqual(await logged({}), [])
  assert.ok((await logged({ logLevel: 'DEBUG' })).includes('debug'))
})

test('gives a child no TOR_PT_ variable of its own', LIMIT, async (t) => {
  process.env['TOR_PT_PROXY'] = 'socks5://192.0.2.1:1'
  t.after(() => delete process.env['TOR_PT_PROXY'])
  const host = await launchScript(
    t,
    `${READY}${HOLD}process.stdin.resume().on('end', () => process.exit());
     console.error(Object.keys(process.env).filter((name) => /^TOR_PT_|^MARK/.test(name)).sort().join(' '))`,
    { env: { MARK: '1' } },
  )
  const [line] = (await once(host, 'line')) as [string]
  const names = ['CLIENT_TRANSPORTS', 'EXIT_ON_STDIN_CLOSE', 'MANAGED_TRANSPORT_VER', 'STATE_LOCATION']
  assert.equal(line, `MARK ${names.map((name) => `TOR_PT_${name}`).join(' ')}`)
})

test('ends a child that obeys neither a closed input nor SIGTERM', LIMIT, async (t) => {
  const host = await launchScript(t, `process.on('SIGTERM', () => console.log('no'));${READY}${HOLD}`, {
    stopTimeoutMs: 300,
  })
  const { code, signal, lastLines } = await host.stop()
  assert.deepEqual([code, signal, lastLines.at(-1)], [null, 'SIGKILL', 'no'])
})

test('lives through a line of 10 MiB, NULs and a flood before the methods', LIMIT, async (t) => {
  const host = await launchScript(
    t,
    `process.stdout.write('x'.repeat(10 * 1024 * 1024) + '\\n\\0\\0\\0\\n' + 'CMETHODS\\n'.repeat(200000), () => {
       ${READY}
     });
     process.stdin.resume().on('end', () => process.exit())`,
  )
  assert.equal(host.methods.size, 1)
})

test('goes on with its own work while a child floods it with lines, and can stop that', LIMIT, async (t) => {
  const flood = `const lines = '\\n'.repeat(65536); const write = () => process.stdout.write(lines, write); write();`
  const host = await launchScript(t, `${READY}${flood}process.on('SIGTERM', () => {})`, { stopTimeoutMs: 300 })
  let [longestMs, before] = [0, performance.now()]
  const timer = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - before)
    before = performance.now()
  }, 5)
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  const begin = performance.now()
  const { signal } = await host.stop()
  clearInterval(timer)
  assert.equal(signal, 'SIGKILL')
  assert.ok(performance.now() - begin < 2_500, 'a stop of two steps of 300 ms')
  assert.ok(longestMs < 1_500, `${longestMs} ms without a timer`)
})

test('rejects with the code and the last line of a child that fails', LIMIT, async (t) => {
  await assert.rejects(launchScript(t, `console.error('no such key'); process.exitCode = 3`), {
    code: 'PT_HOST_EXITED',
    message: /code 3; its last line was: no such key$/,
  })
  await assert.rejects(launched(t, { command: '/nonexistent/pt' }), { code: 'PT_HOST_EXITED', message: /ENOENT$/ })
})

test('ends a child that hangs before its methods', LIMIT, async (t) => {
  const hanging = launchScript(t, `process.stdout.write('VERSION 1\\nCMETHOD a');${HOLD}`, {
    startTimeoutMs: 1_000,
  })
  await assert.rejects(hanging, { code: 'PT_HOST_TIMEOUT' })
})

test('hears of the end of a child whose own child holds its output', LIMIT, async (t) => {
  const script = `const { spawn } = require('node:child_process')
    console.error(spawn(process.execPath, ['-e', ${JSON.stringify(HOLD)}], { stdio: ['ignore', 1, 2] }).pid)
    ${READY}process.stdin.resume().on('end', () => process.exit(5))`
  const host = await launchScript(t, script)
  const [pid] = (await once(host, 'line')) as [string]
  t.after(() => process.kill(Number(pid), 'SIGKILL'))
  const begin = performance.now()
  assert.equal((await host.stop()).code, 5)
  assert.ok(performance.now() - begin >= LAST_OUTPUT_MS - 50)
})

test('starts a child that was killed again, each time later', LIMIT, async (t) => {
  const script = `${READY}process.stdin.resume().on('end', () => process.exit())`
  const host = await launchScript(t, script, { restartDelayMs: 50 })
  const delays: number[] = []
  host.on('restart', (delayMs) => delays.push(delayMs))
  const pids = new Set([host.pid])
  for (let count = 0; count < 3; count++) {
    const ready = once(host, 'ready')
    const exited = once(host, 'exit')
    process.kill(host.pid!, 'SIGKILL')
    assert.equal(((await exited) as [{ signal: string }])[0].signal, 'SIGKILL')
    await ready
    pids.add(host.pid)
  }
  assert.deepEqual(delays, [50, 100, 200])
  assert.equal(pids.size, 4)
})

test('kill -9 of the child in mid-transfer: the socket closes, and the next connect works', LIMIT, async (t) => {
  const application = await startApplicationServer(t)
  const orPort = { host: '127.0.0.1', port: application.port }
  const bind = { obfs4: { host: '127.0.0.1', port: 0 } }
  const server = await launched(t, { command: ptkitPath, role: 'server', orPort, bind })
  const client = await launched(t, { command: ptkitPath, restartDelayMs: 100 })
  const method = server.methods.get('obfs4')!
  assert.ok(method.kind === 'server')
  const connect = async () => {
    const { port } = client.methods.get('obfs4')!.address
    const socket = await connectThroughSocks(port, method.address.port, method.clientArguments)
    const peer = await application.arrivals.next()
    t.after(() => socket.destroy())
    return { socket, peer }
  }

  const { socket, peer } = await connect()
  peer.write(Buffer.alloc(64 * 1024 * 1024))
  await readExactly(socket, 1_000_000)
  const closed = new Promise<void>((resolve) =>
    socket
      .on('error', () => {})
      .on('end', resolve)
      .on('close', resolve),
  )
  socket.resume()
  const ready = once(client, 'ready')
  process.kill(client.pid!, 'SIGKILL')
  await closed
  await ready

  const next = await connect()
  next.socket.write('again')
  assert.equal((await readExactly(next.peer, 5)).toString(), 'again')
})

for (const { name, command, skip } of PROGRAMS)
  test(`kill -9 of the parent leaves no ${name} behind`, { ...LIMIT, skip }, async (t) => {
    const commands = [{ command, stateDir: await temporaryDirectory(t) }]
    const script = fileURLToPath(new URL('../support/host-process.ts', import.meta.url))
    const parent = new ManagedProcess(t, process.execPath, ['--import', 'tsx', script, JSON.stringify(commands)])
    const [pid] = JSON.parse((await parent.line('children ')).slice('children '.length)) as [number]
    assert.equal(isAlive(pid), true)
    await parent.kill('SIGKILL')
    await poll(`the end of ${name}`, 10_000, async () => !isAlive(pid) || undefined)
  })

/** Counts what a launch could leave behind in this process. */
function usage(): Readonly<Record<string, number>> {
  const children = readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
  )
  const timers = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout')
  return { descriptors: readdirSync('/proc/self/fd').length, children: children.length, timers: timers.length }
}

test(
  `${MANY} launches and stops leave no descriptor, timer, directory or process`,
  { timeout: 180_000, skip: skipWithoutProc || skipWithoutObfs4proxy },
  async (t) => {
    const stateDir = await temporaryDirectory(t)
    const round = async (): Promise<void> => {
      const host = await launch({ command: 'obfs4proxy', role: 'client', transports: ['obfs4'], stateDir })
      assert.equal(host.methods.size, 1)
      assert.equal((await host.stop()).code, 0)
    }
    await round()
    await turn()
    const before = usage()
    const files = readdirSync(stateDir)
    for (let count = 0; count < MANY; count++) await round()
    await poll('nothing left', 5_000, async () => {
      const now = usage()
      return Object.keys(before).every((kind) => now[kind]! <= before[kind]!) || undefined
    }).catch(() => assert.deepEqual(usage(), before))
    assert.deepEqual(readdirSync(stateDir), files)
  },
)
