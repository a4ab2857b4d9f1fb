import assert from 'node:assert/strict'
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Binder, ByteStream } from '../../../src/core/platform.ts'
import { type ApplicationPortHandlers, openApplicationPort } from '../../../src/host/application-port.ts'
import { dialExtendedOrPort } from '../../../src/proxy/extended-orport.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { decodeCookieFile } from '../../../src/wire/extended-orport.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const address = { host: '127.0.0.1', port: 0 }

function handlersInto(streams: ByteStream[], overrides: Partial<ApplicationPortHandlers> = {}) {
  return {
    onClient: (stream: ByteStream) => streams.push(stream),
    admit: () => true,
    onRefused: () => {},
    onError: () => {},
    ...overrides,
  }
}

test('keeps the cookie in a file for its owner alone, for as long as it is open', async (t) => {
  const directory = join(await temporaryDirectory(t), 'state', 'deep')
  const cookieFile = join(directory, 'cookie')
  const platform = createMemoryPlatform()
  const streams: ByteStream[] = []
  const port = await openApplicationPort({ kind: 'extended', address, cookieFile }, handlersInto(streams), platform)
  assert.ok(decodeCookieFile(await readFile(cookieFile)))
  assert.equal((await stat(cookieFile)).mode & 0o777, 0o600)
  assert.equal((await stat(directory)).mode & 0o777, 0o700)
  assert.deepEqual(await readdir(directory), ['cookie'])
  const orPort = { address: port.address, readCookieFile: () => readFile(cookieFile) }
  const { signal } = new AbortController()
  await dialExtendedOrPort(orPort, { transport: 'obfs4', remoteAddress: '192.0.2.4', remotePort: 4 }, platform, signal)
  await platform.clock.settle()
  assert.equal(streams[0]?.remoteAddress, '192.0.2.4')
  await port.stopAccepting()
  assert.equal(platform.network.bindingCount, 0)
  assert.deepEqual(await readdir(directory), ['cookie'])
  await port.close()
  assert.deepEqual(await readdir(directory), [])
})

test('replaces a cookie file that is there, whoever may read it', async (t) => {
  const cookieFile = join(await temporaryDirectory(t), 'cookie')
  const platform = createMemoryPlatform()
  const contents = new Set<string>()
  for (let count = 0; count < 2; count++) {
    await openApplicationPort({ kind: 'extended', address, cookieFile }, handlersInto([]), platform)
    contents.add((await readFile(cookieFile)).toString('hex'))
  }
  assert.equal(contents.size, 2)
})

test('leaves no file behind when it cannot be bound', async (t) => {
  const directory = await temporaryDirectory(t)
  const cookieFile = join(directory, 'cookie')
  const platform = createMemoryPlatform()
  await platform.network.bind({ ...address, port: 9 }, { onStream: () => {}, onError: () => {} })
  const taken = { ...address, port: 9 }
  const opening = openApplicationPort({ kind: 'extended', address: taken, cookieFile }, handlersInto([]), platform)
  await assert.rejects(opening, { code: 'EADDRINUSE' })
  assert.deepEqual(await readdir(directory), [])
})

test('leaves the cookie of whoever has the port as it is', async (t) => {
  const cookieFile = join(await temporaryDirectory(t), 'cookie')
  await writeFile(cookieFile, 'of another')
  const platform = createMemoryPlatform()
  const taken = { ...address, port: 9 }
  await platform.network.bind(taken, { onStream: () => {}, onError: () => {} })
  const opening = openApplicationPort({ kind: 'extended', address: taken, cookieFile }, handlersInto([]), platform)
  await assert.rejects(opening, { code: 'EADDRINUSE' })
  assert.equal(await readFile(cookieFile, 'utf8'), 'of another')
})

test('does not remove a cookie that another has put in the place of its own', async (t) => {
  const cookieFile = join(await temporaryDirectory(t), 'cookie')
  const place = { kind: 'extended', address, cookieFile } as const
  const port = await openApplicationPort(place, handlersInto([]), createMemoryPlatform())
  await writeFile(cookieFile, 'of another')
  await port.close()
  assert.equal(await readFile(cookieFile, 'utf8'), 'of another')
})

test('turns away who comes before the cookie is there', async (t) => {
  const cookieFile = join(await temporaryDirectory(t), 'cookie')
  const platform = createMemoryPlatform()
  const { signal } = new AbortController()
  let early: ByteStream | undefined
  const binder: Binder = {
    bind: async (...args) => {
      const acceptor = await platform.network.bind(...args)
      early = await platform.network.dial({ ...address, port: (acceptor.address as { port: number }).port }, { signal })
      await platform.clock.settle()
      return acceptor
    },
  }
  const place = { kind: 'extended', address, cookieFile } as const
  const port = await openApplicationPort(place, handlersInto([]), { ...platform, binder })
  early!.on('error', () => {}).resume()
  await platform.clock.settle()
  assert.equal(early!.destroyed || early!.readableEnded, true)
  await port.close()
})

test('leaves no draft behind when the file cannot be put in its place', async (t) => {
  const directory = await temporaryDirectory(t)
  const platform = createMemoryPlatform()
  const cookieFile = join(directory, 'taken')
  await mkdir(cookieFile)
  const place = { kind: 'extended', address, cookieFile } as const
  await assert.rejects(openApplicationPort(place, handlersInto([]), platform), { syscall: 'rename' })
  assert.deepEqual(await readdir(directory), ['taken'])
  assert.equal(platform.network.bindingCount, 0)
})

test('takes streams as they come at a plain port', async () => {
  const platform = createMemoryPlatform()
  const streams: ByteStream[] = []
  const port = await openApplicationPort({ kind: 'plain', address }, handlersInto(streams), platform)
  await platform.network.dial(port.address, { signal: new AbortController().signal })
  await platform.clock.settle()
  assert.equal(streams.length, 1)
  await port.close()
  assert.equal(platform.network.bindingCount, 0)
})
