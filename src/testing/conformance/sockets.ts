import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Connection } from '../../core/connection.ts'
import type { Listener } from '../../core/listener.ts'
import type { ConnectOptions, ListenOptions } from '../../core/transport.ts'
import { assertSame, payload } from './payload.ts'
import type { Subject, Theme } from './subject.ts'

const LENGTH = 1_048_576
const PARALLEL_COUNT = 20
const RELEASE_LIMIT_MS = 5_000
const RELEASE_STEP_MS = 5
const HELD = /^(TCP|Pipe)/

/** The same over sockets of the system, on loopback. */
export const socketTests: Theme = (subject, { describe, it }) => {
  describe('real sockets', () => {
    it('echoes 1 MiB over TCP on loopback', () => overLoopback(subject, { host: '127.0.0.1', port: 0 }, 1, LENGTH))
    it('echoes over IPv6, where there is some', async () => {
      if (hasIpv6()) await overLoopback(subject, { host: '::1', port: 0 }, 2, LENGTH / 4)
    })
    it('echoes to a server found by its name', () =>
      overLoopback(subject, { host: '127.0.0.1', port: 0 }, 2, LENGTH / 4, { host: 'localhost' }))
    it('echoes over a UNIX socket', () => overLoopback(subject, { path: unixPath() }, 2, LENGTH / 4))
    it(`serves ${PARALLEL_COUNT} connections at once`, () =>
      overLoopback(subject, { host: '127.0.0.1', port: 0 }, PARALLEL_COUNT, 50_000))

    it("ends with the system's error when nobody listens", async () => {
      const listener = await listen(subject, { host: '127.0.0.1', port: 0 })
      const client = subject.client(listener, {})
      const address = addressOf(listener)
      await closeListener(listener)
      const connection = client.connect(address)
      const closed = new Promise((resolve) => {
        connection.once('close', resolve)
      })
      const [error] = (await once(connection, 'error')) as [Error & { code?: string }]
      assert.equal(error.code, 'ECONNREFUSED')
      await closed
    })

    it('lets the process end while what is open is unreferenced', async () => {
      const before = heldResources()
      const listener = await listen(subject, { host: '127.0.0.1', port: 0 })
      const connection = subject.client(listener, {}).connect(addressOf(listener))
      const [[accepted]] = (await Promise.all([once(listener, 'connection'), once(connection, 'connect')])) as [
        [Connection],
        unknown,
      ]
      accepted.on('error', () => undefined)
      for (const each of [listener, connection, accepted]) each.unref()
      const held = await heldAfterRelease(before)
      connection.destroy()
      listener.closeAllConnections()
      await closeListener(listener)
      assertNoMore(held, before, 'unref() must reach the sockets')
    })
  })
}

async function overLoopback(
  subject: Subject,
  at: ListenOptions,
  count: number,
  length: number,
  target: ConnectOptions = {},
): Promise<void> {
  const before = heldResources()
  const listener = await listen(subject, at)
  listener.on('connection', (connection) => {
    connection.on('error', () => undefined)
    connection.pipe(connection)
  })
  const client = subject.client(listener, {})
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const connection = client.connect({ ...addressOf(listener), ...target })
      const sent = payload(length, index)
      const received: Buffer[] = []
      connection.on('data', (bytes: Buffer) => received.push(bytes))
      connection.end(sent)
      await closeOf(connection)
      assertSame(Buffer.concat(received), sent, `client ${index + 1}`)
    }),
  )
  await closeListener(listener)
  assertNoMore(await heldAfterRelease(before), before, 'sockets are left open')
}

async function listen(subject: Subject, at: ListenOptions): Promise<Listener> {
  const listener = subject.server({}).listen(at)
  await once(listener, 'listening')
  return listener
}

function addressOf(listener: Listener): ConnectOptions {
  const address = listener.address()!
  return typeof address === 'string' ? { path: address } : { host: address.address, port: address.port }
}

function closeOf(connection: Connection): Promise<void> {
  return new Promise((resolve, reject) => {
    connection.once('error', reject)
    connection.once('close', () => resolve())
  })
}

function closeListener(listener: Listener): Promise<void> {
  return new Promise((resolve, reject) => {
    listener.close((error) => (error === undefined ? resolve() : reject(error)))
  })
}

/** Sockets, of TCP and UNIX, that keep the process alive. */
function heldResources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((name) => HELD.test(name))
    .sort()
}

/** Waits until no more sockets are held than `before`, since the system takes a moment to close. Returns what is held. */
async function heldAfterRelease(before: readonly string[]): Promise<string[]> {
  const latest = Date.now() + RELEASE_LIMIT_MS
  while (heldResources().length > before.length && Date.now() < latest) {
    await new Promise((resolve) => {
      setTimeout(resolve, RELEASE_STEP_MS)
    })
  }
  return heldResources()
}

function assertNoMore(held: readonly string[], before: readonly string[], message: string): void {
  assert.ok(held.length <= before.length, `${message}: ${held.join(', ')} where there were ${before.join(', ')}`)
}

function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'))
}

/** A path for a UNIX socket; Windows has named pipes in their place. */
function unixPath(): string {
  const name = `pt-${randomUUID().slice(0, 8)}`
  return process.platform === 'win32' ? `\\\\?\\pipe\\${name}` : join(tmpdir(), `${name}.sock`)
}
