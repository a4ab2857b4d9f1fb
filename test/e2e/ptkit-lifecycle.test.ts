import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { type Socket, connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startApplicationServer } from '../support/application-server.ts'
import { ManagedProcess } from '../support/managed-process.ts'
import { readExactly } from '../support/read-exactly.ts'
import { connectThroughSocks } from '../support/socks-client.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const executable = fileURLToPath(new URL('../../cli/bin/ptkit', import.meta.url))
const CLIENT = ['-ptversion', '1', '-transport', 'obfs4']

function startPtkit(test: TestContext, args: readonly string[], environment: NodeJS.ProcessEnv = {}): ManagedProcess {
  return new ManagedProcess(test, process.execPath, [executable, ...args], environment)
}

/** Starts a client; returns it with the port of its SOCKS listener. */
async function startClient(test: TestContext, args: readonly string[] = []): Promise<[ManagedProcess, number]> {
  const child = startPtkit(test, [...CLIENT, '-state', await temporaryDirectory(test), ...args])
  const method = await child.line('CMETHOD obfs4')
  await child.line('CMETHODS DONE')
  return [child, Number(/\d+$/.exec(method)?.[0])]
}

/** Starts a server in front of an application; returns its port and what clients need. */
async function startServer(
  test: TestContext,
  target: number,
): Promise<{ readonly port: number; readonly args: Readonly<Record<string, string>> }> {
  const state = await temporaryDirectory(test)
  const bind = ['-transport', 'obfs4', '-bindhost', '127.0.0.1', '-bindport', '0']
  const child = startPtkit(test, ['-server', ...bind, '-target', `127.0.0.1:${target}`, '-state', state])
  const { port, cert } = /:(?<port>\d+) ARGS:cert=(?<cert>[^,]+)/.exec(await child.line('SMETHOD obfs4'))?.groups ?? {}
  return { port: Number(port), args: { cert: cert!, 'iat-mode': '0' } }
}

async function exitCodeOf({ child }: ManagedProcess): Promise<number | string> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return child.exitCode ?? child.signalCode!
}

/** Shows that the SOCKS listener of a client answers. */
async function greet(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(Buffer.of(5, 1, 0))
  assert.deepEqual([...(await readExactly(socket, 2))], [5, 0])
  return socket
}

test('exits with 0 at SIGTERM, and ends connections', async (t) => {
  const [child, port] = await startClient(t)
  const socket = await greet(port)
  socket.on('error', () => {}).resume()
  const closed = once(socket, 'close')
  child.child.kill('SIGTERM')
  assert.equal(await exitCodeOf(child), 0)
  await closed
})

test('exits with 0 when standard input is closed, if that was asked for', async (t) => {
  const [child] = await startClient(t, ['-exit-on-stdin-close'])
  child.child.stdin!.end()
  assert.equal(await exitCodeOf(child), 0)
})

test('goes on when standard input is closed unasked', async (t) => {
  const [child, port] = await startClient(t)
  child.child.stdin!.end()
  const socket = await greet(port)
  socket.destroy()
  assert.equal(child.child.exitCode, null)
})

test('lets connections drain at the first SIGINT, and takes no new ones', async (t) => {
  const application = await startApplicationServer(t)
  const server = await startServer(t, application.port)
  const [child, port] = await startClient(t)
  const socket = await connectThroughSocks(port, server.port, server.args)
  const far = await application.arrivals.next()
  child.child.kill('SIGINT')
  await refused(port)
  socket.write('still here')
  assert.equal((await readExactly(far, 10)).toString(), 'still here')
  socket.end()
  far.end()
  assert.equal(await exitCodeOf(child), 0)
})

test('exits at the second SIGINT with connections open', async (t) => {
  const [child, port] = await startClient(t)
  const socket = await greet(port)
  socket.on('error', () => {}).resume()
  child.child.kill('SIGINT')
  await refused(port)
  child.child.kill('SIGINT')
  assert.equal(await exitCodeOf(child), 0)
})

/** Waits until nothing listens on a port. */
async function refused(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const outcome = await new Promise<'connect' | Error>((resolve) => {
      socket.once('connect', () => resolve('connect')).once('error', resolve)
    })
    socket.destroy()
    if (outcome !== 'connect') return
  }
}

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  test(`exits with 0 at ${signal} while it is still loading`, async (t) => {
    // Signals itself in the turn in which the signal is first listened for.
    const code = `process.once('newListener', () => setImmediate(() => process.kill(process.pid, '${signal}')))`
    const child = startPtkit(t, [...CLIENT, '-state', await temporaryDirectory(t)], {
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}`,
    })
    assert.equal(await exitCodeOf(child), 0)
    await assert.rejects(child.line(''), /ended without the line/)
  })

test('survives a parent that closes its pipes, and exits with 0 at SIGTERM', async (t) => {
  const [child, port] = await startClient(t, ['-ipcLogLevel', 'DEBUG'])
  child.child.stdout!.destroy()
  child.child.stderr!.destroy()
  const garbage = connect(port, '127.0.0.1').on('error', () => {})
  garbage.end('GET / HTTP/1.1\r\n\r\n')
  garbage.resume()
  await once(garbage, 'close')
  const socket = await greet(port)
  socket.destroy()
  child.child.kill('SIGTERM')
  assert.equal(await exitCodeOf(child), 0)
})

test('makes the state directory with 0700 and a log file with 0600 in it', async (t) => {
  const state = join(await temporaryDirectory(t), 'deep', 'state')
  const child = startPtkit(t, ['-transports', 'obfs4,meek', '-state', state, '-enableLogging', '-logLevel', 'DEBUG'])
  await child.line('CMETHODS DONE')
  await child.kill('SIGTERM')
  assert.equal((await stat(state)).mode & 0o777, 0o700)
  const log = join(state, 'ptkit.log')
  assert.equal((await stat(log)).mode & 0o777, 0o600)
  assert.match(await readFile(log, 'utf8'), /^\{.*"level":"WARN".*meek.*\}\n/)
})

test('lives on without a state directory, and says so on standard error, and which transport needs one', async (t) => {
  const file = join(await temporaryDirectory(t), 'file')
  await writeFile(file, '')
  const args = ['-server', '-transport', 'obfs4', '-target', '127.0.0.1:9', '-state', file, '-enableLogging']
  const child = startPtkit(t, args)
  await child.line('SMETHODS DONE')
  await child.kill('SIGTERM')
  assert.equal(child.child.exitCode, 0)
  const lines = child.errorOutput.trimEnd().split('\n').sort()
  assert.match(lines[0]!, /^SMETHOD-ERROR obfs4 /)
  assert.deepEqual(lines.slice(1), [
    'warning: The log file cannot be written: ENOTDIR',
    'warning: The state directory cannot be made: EEXIST',
  ])
})

test('lives on with a full disk under the log file, and says so', { skip: process.platform !== 'linux' }, async (t) => {
  const state = await temporaryDirectory(t)
  await symlink('/dev/full', join(state, 'ptkit.log'))
  const args = [
    '-transports',
    'obfs4,meek',
    '-state',
    state,
    '-enableLogging',
    '-logLevel',
    'WARN',
    '-ipcLogLevel',
    'WARN',
  ]
  const child = startPtkit(t, args)
  assert.equal(await child.line('LOG WARN The log'), 'LOG WARN The log file cannot be written: ENOSPC')
  child.child.kill('SIGTERM')
  assert.equal(await exitCodeOf(child), 0)
})
