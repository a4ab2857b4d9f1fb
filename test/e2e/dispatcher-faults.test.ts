import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { type Socket, connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { startApplicationServer } from '../support/application-server.ts'
import { exchange, receive, send } from '../support/exchange.ts'
import { COOKIE_FILE } from '../support/extended-orport-server.ts'
import { INSPECTABLE, liveLength } from '../support/live-memory.ts'
import { ManagedProcess } from '../support/managed-process.ts'
import { parseServerMethod } from '../support/method-lines.ts'
import { poll } from '../support/poll.ts'
import { descriptorCount, residentLength, returnsTo, skipWithoutProc } from '../support/process-usage.ts'
import { startPtkitClient, startPtkitServer, torEnvironment } from '../support/ptkit-process.ts'
import { ptkitPath } from '../support/ptkit.ts'
import { connectThroughSocks } from '../support/socks-client.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const run = promisify(execFile)
const MIB = 1024 * 1024
const LIMIT_MS = 15_000
const settings = { skip: skipWithoutProc, timeout: 40_000 }

function openTcp(test: TestContext, port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  socket.on('error', () => {})
  test.after(() => socket.destroy())
  return socket
}

/** Waits for the end of what a socket brings, be it by FIN, by a reset or because it was closed already. */
function ended(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readableEnded || socket.closed) resolve()
    socket
      .once('end', () => resolve())
      .once('close', () => resolve())
      .resume()
  })
}

/** Starts a client and a server of ptkit before an application. */
async function startPair(test: TestContext, environment: NodeJS.ProcessEnv = {}) {
  const { port: applicationPort, arrivals } = await startApplicationServer(test)
  const server = await startPtkitServer(test, await temporaryDirectory(test), {
    ...environment,
    TOR_PT_ORPORT: `127.0.0.1:${applicationPort}`,
  })
  const client = await startPtkitClient(test, await temporaryDirectory(test), environment)
  const idle = [client.process, server.process].map((process) => ({ process, count: descriptorCount(process) }))
  const open = async (): Promise<Socket> => {
    const socket = await connectThroughSocks(client.socksPort, server.port, server.clientArguments)
    socket.on('error', () => {})
    test.after(() => socket.destroy())
    return socket
  }
  /** Opens a connection and has bytes go both ways over it. */
  const assertServes = async (): Promise<void> => {
    const socket = await open()
    const application = await arrivals.next()
    await exchange(socket, application, { toRight: 100_000, toLeft: 100_000 })
    socket.destroy()
    application.destroy()
  }
  /** Waits until those that live have no more descriptors than before the first connection. */
  const assertNothingOpen = async (): Promise<void> => {
    for (const { process, count } of idle) if (isAlive(process)) await returnsTo(process, count, LIMIT_MS)
  }
  return { client, server, arrivals, open, assertServes, assertNothingOpen }
}

function isAlive({ child }: ManagedProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

test('nothing lives on of connections that are opened and dropped', settings, async (context) => {
  const { client, server, arrivals, open, assertServes, assertNothingOpen } = await startPair(context, INSPECTABLE)
  const dropMany = async (): Promise<void> => {
    for (let round = 0; round < 10; round++) {
      const opened = await Promise.all(Array.from({ length: 50 }, open))
      const accepted = await Promise.all(opened.map(() => arrivals.next()))
      for (const socket of opened) socket.resetAndDestroy()
      await Promise.all(accepted.map(ended))
      for (const socket of accepted) socket.destroy()
    }
    await assertNothingOpen()
  }
  const lengths = (): Promise<number[]> => Promise.all([client.process, server.process].map(liveLength))
  // The first ones load code, and fill pools and caches of limited size.
  await dropMany()
  const before = await lengths()
  await dropMany()
  const after = await lengths()
  // 2 KiB for each: a session that lived on would take five times as much.
  for (const [index, length] of after.entries())
    assert.ok(length < before[index]! + MIB, `${before.join(' and ')} bytes became ${after.join(' and ')}`)
  await assertServes()
})

test(
  'the application learns that the bridge was killed in mid-upload, and nothing stays open',
  settings,
  async (context) => {
    const { client, server, open, arrivals, assertNothingOpen } = await startPair(context)
    const sockets = await Promise.all(Array.from({ length: 5 }, open))
    const applications = await Promise.all(sockets.map(() => arrivals.next()))
    for (const socket of sockets) socket.write(Buffer.alloc(64 * MIB))
    await Promise.all(applications.map((application) => receive(application, MIB).catch(() => {})))
    const closed = sockets.map(ended)
    await server.process.kill()
    await Promise.all(closed)
    for (const socket of sockets) socket.destroy()
    await assertNothingOpen()
    assert.ok(isAlive(client.process))
  },
)

test(
  'the application behind a bridge learns that the client was killed, and the bridge serves on',
  settings,
  async (context) => {
    const { client, server, open, arrivals, assertNothingOpen } = await startPair(context)
    await open()
    const application = await arrivals.next()
    application.write(Buffer.alloc(64 * MIB))
    await client.process.kill()
    await ended(application)
    application.destroy()
    await assertNothingOpen()
    const other = await startPtkitClient(context, await temporaryDirectory(context))
    await connectThroughSocks(other.socksPort, server.port, server.clientArguments)
    await arrivals.next()
  },
)

for (const { name, readsFirst } of [
  { name: 'the application behind the bridge', readsFirst: false },
  { name: 'the application before the client', readsFirst: true },
])
  test(
    `when ${name} stops reading its peer has to wait, and when it goes on it has every byte`,
    settings,
    async (context) => {
      const { client, server, open, arrivals, assertNothingOpen } = await startPair(context)
      const socket = await open()
      const application = await arrivals.next()
      const [sender, receiver] = readsFirst ? [application, socket] : [socket, application]
      const length = 128 * MIB
      const before = [client.process, server.process].map(residentLength)
      const sending = send(sender, length)
      // Nothing reads: once nothing moves any more, every buffer in between is full.
      let seen = -1
      let still = 0
      await poll('a stop', LIMIT_MS, async () => {
        still = sender.bytesWritten - sender.writableLength === seen ? still + 1 : 0
        seen = sender.bytesWritten - sender.writableLength
        return still > 10 || undefined
      })
      assert.ok(seen < length / 4, `${seen / MIB} MiB are under way`)
      for (const [index, process] of [client.process, server.process].entries()) {
        const grown = residentLength(process) - before[index]!
        assert.ok(grown < 48 * MIB, `${grown / MIB} MiB more are resident`)
      }
      assert.equal(await receive(receiver, length), await sending)
      socket.destroy()
      application.destroy()
      await assertNothingOpen()
    },
  )

test('garbage and silence on both ports end, and nothing of them stays', settings, async (context) => {
  const { client, server, assertServes, assertNothingOpen } = await startPair(context)
  const sockets = Array.from({ length: 100 }, (_, index) => {
    const socket = openTcp(context, index % 2 === 0 ? client.socksPort : server.port)
    if (index > 10) socket.write(randomBytes(1 + index * 97))
    return socket.resume()
  })
  const atClient = sockets.filter((_socket, index) => index % 2 === 0)
  // The time limit of a SOCKS request is 10 s; a bridge lets those whom it does not know wait.
  await Promise.all(atClient.map(ended))
  await assertServes()
  for (const socket of sockets) socket.destroy()
  await assertNothingOpen()
})

const cookies = [
  { name: 'a directory', make: (path: string) => mkdir(path), cause: 'cause=EISDIR' },
  { name: 'a pipe that nobody writes to', make: (path: string) => run('mkfifo', [path]), cause: '' },
  { name: 'short by a byte', make: (path: string) => writeFile(path, COOKIE_FILE.subarray(1)), cause: '' },
  { name: 'without its header', make: (path: string) => writeFile(path, Buffer.alloc(64)), cause: '' },
  { name: 'without an end', make: (path: string) => run('ln', ['-s', '/dev/zero', path]), cause: '' },
]
for (const { name, make, cause } of cookies)
  test(
    `a cookie file that is ${name} costs the client its connection, with a line, and the bridge lives`,
    settings,
    async (context) => {
      const directory = await temporaryDirectory(context)
      const cookieFile = join(directory, 'cookie')
      await make(cookieFile)
      const { port: orPort, arrivals } = await startApplicationServer(context)
      const environment = {
        TOR_PT_EXTENDED_SERVER_PORT: `127.0.0.1:${orPort}`,
        TOR_PT_AUTH_COOKIE_FILE: cookieFile,
        TOR_PT_SERVER_TRANSPORTS: 'obfs4',
        TOR_PT_SERVER_BINDADDR: 'obfs4-127.0.0.1:0',
      }
      const process = new ManagedProcess(context, ptkitPath, ['-ipcLogLevel', 'WARN'], {
        ...torEnvironment(directory),
        ...environment,
      })
      const { port, clientArguments } = parseServerMethod(await process.line('SMETHOD obfs4 '))
      const count = descriptorCount(process)
      const client = await startPtkitClient(context, await temporaryDirectory(context))
      arrivals.forEach((socket) =>
        socket
          .on('end', () => socket.end())
          .resume()
          .write(Buffer.of(1, 0)),
      )
      const socket = await connectThroughSocks(client.socksPort, port, clientArguments)
      await ended(socket)
      socket.destroy()
      const line = await process.line('LOG SEVERITY=warning MESSAGE="dispatcher:application-failed')
      assert.ok(line.includes('cookie') && line.includes(cause), line)
      await returnsTo(process, count, LIMIT_MS)
      assert.ok(isAlive(process))
    },
  )

const unprivileged = process.getuid?.() !== 0 && 'mounts a file system, as root'

test(
  'a disk that fills up while a bridge runs costs it neither clients nor its clean end',
  { ...settings, skip: settings.skip || unprivileged },
  async (context) => {
    const directory = await temporaryDirectory(context)
    const { port: applicationPort, arrivals } = await startApplicationServer(context)
    // A mount of the process's own, which ends with it, with room for the state of obfs4.
    const script = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'
    const ptkit = [ptkitPath, '-enableLogging', '-logLevel', 'DEBUG', '-ipcLogLevel', 'WARN']
    const process = new ManagedProcess(context, 'unshare', ['-m', 'sh', '-c', script, directory, ...ptkit], {
      ...torEnvironment(directory),
      TOR_PT_SERVER_TRANSPORTS: 'obfs4',
      TOR_PT_SERVER_BINDADDR: 'obfs4-127.0.0.1:0',
      TOR_PT_ORPORT: `127.0.0.1:${applicationPort}`,
    })
    const { port, clientArguments } = parseServerMethod(await process.line('SMETHOD obfs4 '))
    const inside = `/proc/${process.child.pid}/root${directory}`
    await assert.rejects(writeFile(join(inside, 'ballast'), Buffer.alloc(2 * MIB)), /ENOSPC/)
    const client = await startPtkitClient(context, await temporaryDirectory(context))
    // More than the page of the log file that was begun can take.
    for (let index = 0; index < 50; index++) {
      const socket = await connectThroughSocks(client.socksPort, port, clientArguments)
      await exchange(socket, await arrivals.next(), { toRight: 10_000, toLeft: 10_000 })
      socket.destroy()
    }
    assert.match(await process.line('LOG SEVERITY=warning'), /The log file cannot be written: ENOSPC/)
    await process.kill('SIGTERM')
    assert.equal(process.child.exitCode, 0)
  },
)
