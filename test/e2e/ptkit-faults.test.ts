import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { type Socket, connect } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { startApplicationServer } from '../support/application-server.ts'
import { ManagedProcess } from '../support/managed-process.ts'
import { startPtkit, startPtkitClient, startPtkitServer, torEnvironment } from '../support/ptkit-process.ts'
import { ptkitPath } from '../support/ptkit.ts'
import { readExactly } from '../support/read-exactly.ts'
import { SocksRefusal, connectThroughSocks } from '../support/socks-client.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const MIB = 1024 * 1024
const POLL_MS = 50
const LIMIT_MS = 15_000
const skip = process.platform !== 'linux' && 'counts descriptors in /proc'

/** A client and a server of ptkit, in front of an application. */
async function startPair(t: TestContext) {
  const { port: applicationPort, arrivals } = await startApplicationServer(t)
  const server = await startPtkitServer(t, await temporaryDirectory(t), {
    TOR_PT_ORPORT: `127.0.0.1:${applicationPort}`,
  })
  const client = await startPtkitClient(t, await temporaryDirectory(t))
  const open = async (): Promise<Socket> => {
    const socket = await connectThroughSocks(client.socksPort, server.port, server.clientArguments)
    socket.on('error', () => {})
    t.after(() => socket.destroy())
    return socket
  }
  const carry = async (): Promise<void> => {
    const socket = await open()
    socket.write('question')
    const application = await arrivals.next()
    assert.equal((await readExactly(application, 8)).toString(), 'question')
    socket.destroy()
    application.destroy()
  }
  return { server, client, arrivals, open, carry }
}

function serverEnvironment(stateDir: string): NodeJS.ProcessEnv {
  return {
    ...torEnvironment(stateDir),
    TOR_PT_SERVER_TRANSPORTS: 'obfs4',
    TOR_PT_SERVER_BINDADDR: 'obfs4-127.0.0.1:0',
    TOR_PT_ORPORT: '127.0.0.1:1',
  }
}

function descriptorCount({ child }: ManagedProcess): number {
  return readdirSync(`/proc/${child.pid}/fd`).length
}

/** Resident memory in bytes. */
function residentLength({ child }: ManagedProcess): number {
  const [, pages] = readFileSync(`/proc/${child.pid}/statm`, 'utf8').split(' ')
  return Number(pages) * 4096
}

/** Waits until a process has no more descriptors than it had. */
async function returnsTo(child: ManagedProcess, count: number): Promise<void> {
  const deadline = Date.now() + LIMIT_MS
  while (descriptorCount(child) > count) {
    assert.ok(Date.now() < deadline, `${descriptorCount(child)} descriptors are open, ${count} were`)
    await delay(POLL_MS)
  }
}

function openTcp(t: TestContext, port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  return socket
}

test('gives back what 500 connections took that were opened and dropped', { skip, timeout: 120_000 }, async (t) => {
  const { client, server, arrivals, open } = await startPair(t)
  arrivals.forEach((application) => application.resume().once('end', () => application.end()))
  const before = [descriptorCount(client.process), descriptorCount(server.process)]
  for (let round = 0; round < 10; round++) {
    const bare = Array.from({ length: 25 }, () => openTcp(t, round % 2 === 0 ? client.socksPort : server.port))
    const opened = await Promise.all(Array.from({ length: 25 }, open))
    for (const socket of opened) socket.resetAndDestroy()
    for (const socket of bare) socket.destroy()
  }
  await returnsTo(client.process, before[0]! + 1)
  await returnsTo(server.process, before[1]! + 1)
})

test('ends what is no SOCKS, and serves the next', { timeout: 60_000 }, async (t) => {
  const { client, carry } = await startPair(t)
  for (const garbage of [
    'GET / HTTP/1.1\r\n\r\n',
    '\x05\x00',
    '\x04\x02\x00\x50\x7f\x00\x00\x01\x00',
    '\x16\x03\x01\x02\x00',
    '\xff'.repeat(100),
  ]) {
    const socket = openTcp(t, client.socksPort)
    socket.resume().write(Buffer.from(garbage, 'latin1'))
    await once(socket, 'end')
  }
  await carry()
})

test('tells the application that the bridge was killed, and answers 05 to the next', { timeout: 60_000 }, async (t) => {
  const { client, server, arrivals, open } = await startPair(t)
  const socket = await open()
  const application = await arrivals.next()
  application.write(Buffer.alloc(MIB))
  await readExactly(socket, 1024)
  const closed = once(socket, 'close')
  // obfs4 cannot tell a FIN from the end of its peer's process.
  socket.once('end', () => socket.end())
  await server.process.kill()
  socket.resume()
  await closed
  await assert.rejects(open(), (error) => error instanceof SocksRefusal && error.reply === 5)
  assert.equal(client.process.child.exitCode, null)
})

test('holds no more than its buffers for an application that stops reading', { skip, timeout: 60_000 }, async (t) => {
  const { client, server, arrivals, open } = await startPair(t)
  const socket = await open()
  const application = await arrivals.next()
  application.write(Buffer.alloc(16 * MIB))
  await readExactly(socket, 16 * MIB)
  const before = [residentLength(client.process), residentLength(server.process)]
  const chunk = Buffer.alloc(MIB)
  let queued = 0
  // Until nothing moves for ten looks: then every buffer between the two is full.
  for (let still = 0, seen = -1; still < 10;) {
    while (application.writableLength < 8 * MIB && queued < 512) {
      application.write(chunk)
      queued++
    }
    await delay(POLL_MS)
    const left = queued * MIB - application.writableLength
    still = left === seen ? still + 1 : 0
    seen = left
  }
  assert.ok(queued < 512, 'the sender has to wait')
  const grown = [residentLength(client.process) - before[0]!, residentLength(server.process) - before[1]!]
  // ptkit lets its heap grow by 32 MiB between collections; a process that held what comes would have half a GiB.
  for (const length of grown) assert.ok(length < 64 * MIB, `${length / MIB} MiB more are held`)
})

test('tells its parent of a state directory that cannot be made, and lives', { timeout: 30_000 }, async (t) => {
  const stateDir = join(process.execPath, 'state')
  const child = startPtkit(t, serverEnvironment(stateDir))
  await assert.rejects(child.line('SMETHOD obfs4'), /the process refused: SMETHOD-ERROR obfs4 The state directory/)
  await child.line('SMETHODS DONE')
  assert.equal(child.child.exitCode, null)
})

const unprivileged = process.getuid?.() !== 0 && 'mounts a file system, as root'

test('tells its parent of a full disk, and lives', { skip: skip || unprivileged, timeout: 30_000 }, async (t) => {
  const directory = await temporaryDirectory(t)
  // A mount of the process's own, which ends with it.
  const script = 'mount -t tmpfs -o size=16k tmpfs "$1" && exec "$2" "$3"'
  const child = new ManagedProcess(
    t,
    'unshare',
    ['-m', 'sh', '-c', script, 'sh', directory, process.execPath, ptkitPath],
    serverEnvironment(directory),
  )
  await assert.rejects(child.line('SMETHOD obfs4'), /the process refused: SMETHOD-ERROR obfs4 \S/)
  await child.line('SMETHODS DONE')
  assert.equal(child.child.exitCode, null)
})
