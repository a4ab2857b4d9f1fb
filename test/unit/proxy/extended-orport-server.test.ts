import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ByteStream } from '../../../src/core/platform.ts'
import { type ExtendedOrPortClient, dialExtendedOrPort } from '../../../src/proxy/extended-orport.ts'
import {
  type DescribedClient,
  type ExtendedOrPortServerParameters,
  listenExtendedOrPort,
} from '../../../src/proxy/extended-orport-server.ts'
import { createMemoryPlatform } from '../../../src/testing/index.ts'
import { computeClientHash, decodeCookieFile, encodeCommand, isServerHash } from '../../../src/wire/extended-orport.ts'
import { readExactly } from '../../support/read-exactly.ts'
import { type Watched, watchStream } from '../../support/watched-stream.ts'

const address = { host: '127.0.0.1', port: 9_002 }
const who: ExtendedOrPortClient = { transport: 'obfs4', remoteAddress: '192.0.2.7', remotePort: 40_000 }
const DENY = '10010000'

/** A listening Extended ORPort in memory, and what it tells. */
async function open(overrides: Partial<ExtendedOrPortServerParameters> = {}) {
  const platform = createMemoryPlatform()
  const clients: { readonly stream: ByteStream; readonly client: DescribedClient }[] = []
  const failures: string[] = []
  let cookieFile: Buffer = Buffer.alloc(0)
  const server = await listenExtendedOrPort({
    platform,
    address,
    writeCookieFile: async (content) => void (cookieFile = content),
    onClient: (stream, client) => clients.push({ stream, client }),
    onRefused: (error) => failures.push('code' in error ? String(error.code) : error.message),
    ...overrides,
  })
  const { signal } = new AbortController()
  return {
    platform,
    server,
    clients,
    failures,
    cookie: () => decodeCookieFile(cookieFile)!,
    dial: (client = who) =>
      dialExtendedOrPort({ address, readCookieFile: async () => cookieFile }, client, platform, signal),
    dialRaw: () => platform.network.dial(address, { signal }),
  }
}

type Scene = Awaited<ReturnType<typeof open>>

/** Authenticates by hand; what follows is to be written to the stream, which is watched from then on. */
async function authenticate(scene: Scene, { spoil = false } = {}): Promise<Watched<ByteStream>> {
  const stream = await scene.dialRaw()
  assert.equal((await readExactly(stream, 2)).toString('hex'), '0100')
  const clientNonce = Buffer.alloc(32, 7)
  stream.write(Buffer.concat([Buffer.of(1), clientNonce]))
  const challenge = await readExactly(stream, 64)
  const exchange = { cookie: scene.cookie(), clientNonce, serverNonce: challenge.subarray(32) }
  assert.equal(isServerHash(challenge.subarray(0, 32), exchange), true)
  const hash = computeClientHash(exchange)
  if (spoil) hash[31]! ^= 1
  stream.write(hash)
  assert.equal((await readExactly(stream, 1))[0], spoil ? 0 : 1)
  return watchStream(stream)
}

test('hands a described client on: its stream, its address and its transport', async () => {
  const scene = await open()
  const near = await scene.dial()
  await scene.platform.clock.settle()
  const { stream, client } = scene.clients[0]!
  assert.deepEqual({ ...client }, who)
  assert.deepEqual([stream.remoteAddress, stream.remotePort, stream.remoteFamily], ['192.0.2.7', 40_000, 'IPv4'])
  assert.equal(stream.localPort, 9_002)
  near.write('payload')
  assert.equal((await readExactly(stream, 7)).toString(), 'payload')
  stream.write('answer')
  assert.equal((await readExactly(near, 6)).toString(), 'answer')
  assert.equal(scene.platform.clock.timerCount, 0)
  for (const event of ['readable', 'end', 'error']) assert.equal(stream.listenerCount(event), 0, event)
})

test('shows an IPv6 client without brackets, and one whose address is not told without any', async () => {
  const scene = await open()
  await scene.dial({ ...who, remoteAddress: '2001:db8::1' })
  await scene.dial({ transport: 'obfs4' })
  await scene.platform.clock.settle()
  const shown = scene.clients.map(({ stream }) => [stream.remoteAddress, stream.remotePort, stream.remoteFamily])
  assert.deepEqual(shown, [
    ['2001:db8::1', 40_000, 'IPv6'],
    [undefined, undefined, undefined],
  ])
})

test('takes everything one byte at a time', async () => {
  const scene = await open()
  scene.platform.network.onLink = ({ toClient, toServer }) => {
    toClient.chop(1)
    toServer.chop(1)
  }
  await scene.dial()
  await scene.platform.clock.settle()
  assert.equal(scene.clients.length, 1)
})

test('makes another cookie and other nonces each time', async () => {
  const cookies = new Set<string>()
  const scene = await open({ writeCookieFile: async (content) => void cookies.add(content.toString('hex')) })
  const again = { ...scene.platform, network: undefined }
  await listenExtendedOrPort({
    platform: again,
    address: { ...address, port: 9_003 },
    writeCookieFile: async (content) => void cookies.add(content.toString('hex')),
    onClient: () => {},
  })
  assert.equal(cookies.size, 2)
  const nonces = new Set<string>()
  for (let count = 0; count < 2; count++) {
    const stream = await scene.dialRaw()
    stream.write(Buffer.concat([Buffer.of(1), Buffer.alloc(32)]))
    nonces.add((await readExactly(stream, 66)).subarray(34).toString('hex'))
    stream.destroy()
  }
  assert.equal(nonces.size, 2)
})

test('answers 0 to a hash that is not right, ends, and tells', async () => {
  const scene = await open()
  const { events } = await authenticate(scene, { spoil: true })
  await scene.platform.clock.settle()
  assert.deepEqual(events[0], 'end')
  assert.deepEqual([scene.failures, scene.clients], [['PT_HANDSHAKE_FAILED'], []])
  assert.equal(scene.platform.clock.timerCount, 0)
})

test('ends a stream that chooses a type of authentication that was not offered', async () => {
  const scene = await open()
  const stream = await scene.dialRaw()
  stream.on('error', () => {}).resume()
  stream.write(Buffer.concat([Buffer.of(2), Buffer.alloc(32)]))
  await scene.platform.clock.settle()
  assert.equal(stream.destroyed, true)
  assert.deepEqual([scene.failures, scene.clients], [['PT_HANDSHAKE_FAILED'], []])
})

const DONE = encodeCommand(0)
const refusals: readonly [title: string, sent: Buffer][] = [
  ['an address that is none', Buffer.concat([encodeCommand(1, Buffer.from('localhost:5')), DONE])],
  ['an address without a port', Buffer.concat([encodeCommand(1, Buffer.from('192.0.2.7')), DONE])],
  ['a port that is none', Buffer.concat([encodeCommand(1, Buffer.from('192.0.2.7:65536')), DONE])],
  ['an IPv4 address in brackets', Buffer.concat([encodeCommand(1, Buffer.from('[192.0.2.7]:5')), DONE])],
  ['an address with a NUL', Buffer.concat([encodeCommand(1, Buffer.from('192.0.2.7:5\0')), DONE])],
  ['a transport that is no name', Buffer.concat([encodeCommand(2, Buffer.from('ob fs')), DONE])],
  ['a command of more than 4 KiB', Buffer.from('abcd1001', 'hex')],
  ['65 commands', Buffer.concat(Array.from({ length: 65 }, () => encodeCommand(0xabcd)))],
  ['payload ahead of OKAY', Buffer.concat([DONE, Buffer.from('x')])],
]
for (const [title, sent] of refusals) {
  test(`denies ${title}`, async () => {
    const scene = await open()
    const { stream, received, events } = await authenticate(scene)
    stream.write(sent)
    await scene.platform.clock.settle()
    assert.equal(received().toString('hex'), DENY)
    assert.equal(events[0], 'end')
    assert.deepEqual([scene.failures, scene.clients], [['PT_HANDSHAKE_FAILED'], []])
    assert.equal(scene.platform.network.links[0]!.server.destroyed, true)
  })
}

test('skips commands that it does not know, and takes the last of those that come twice', async () => {
  const scene = await open()
  const { stream, received } = await authenticate(scene)
  const commands: readonly [number, string][] = [
    [0x7777, 'what'],
    [1, '192.0.2.1:1'],
    [2, 'first'],
    [1, '[2001:db8::2]:2'],
    [2, 'second'],
  ]
  stream.write(Buffer.concat([...commands.map(([type, body]) => encodeCommand(type, Buffer.from(body))), DONE]))
  await scene.platform.clock.settle()
  assert.equal(received().toString('hex'), '10000000')
  assert.deepEqual(
    { ...scene.clients[0]!.client },
    { transport: 'second', remoteAddress: '2001:db8::2', remotePort: 2 },
  )
})

for (const [title, admit] of [
  ['says no', () => false],
  ['says no later', async () => false],
  [
    'throws',
    () => {
      throw new Error('no database')
    },
  ],
  ['rejects', () => Promise.reject(new Error('no database'))],
] as const) {
  test(`denies a client when the veto ${title}`, async () => {
    const scene = await open({ admit })
    await assert.rejects(scene.dial(), { code: 'PT_HANDSHAKE_FAILED', message: /denied/ })
    await scene.platform.clock.settle()
    assert.deepEqual([scene.failures, scene.clients], [['PT_HANDSHAKE_FAILED'], []])
  })
}

test('asks the veto of each client before it is let in', async () => {
  const asked: DescribedClient[] = []
  const scene = await open({
    admit: async (client) => {
      asked.push(client)
      return client.remotePort === 1
    },
  })
  await scene.dial({ ...who, remotePort: 1 })
  await assert.rejects(scene.dial({ ...who, remotePort: 2 }), { code: 'PT_HANDSHAKE_FAILED' })
  await scene.platform.clock.settle()
  assert.deepEqual(
    asked.map(({ remotePort }) => remotePort),
    [1, 2],
  )
  assert.equal(scene.clients.length, 1)
})

test('gives up after 5 s, whoever is slow', async () => {
  const silent = await open()
  await silent.dialRaw()
  await silent.platform.clock.advance(4_999)
  assert.deepEqual(silent.failures, [])
  await silent.platform.clock.advance(1)
  assert.deepEqual(silent.failures, ['PT_HANDSHAKE_TIMEOUT'])
  const undecided = await open({ admit: () => new Promise(() => {}) })
  const { stream } = await authenticate(undecided)
  stream.write(DONE)
  await undecided.platform.clock.advance(5_000)
  assert.deepEqual(undecided.failures, ['PT_HANDSHAKE_TIMEOUT'])
  assert.equal(undecided.platform.network.links[0]!.server.destroyed, true)
})

test('hands nothing on of a stream that ends or resets before OKAY', async () => {
  const scene = await open()
  const ended = await scene.dialRaw()
  ended.end()
  const reset = await scene.dialRaw()
  reset.on('error', () => {})
  await scene.platform.clock.settle()
  reset.resetAndDestroy?.()
  await scene.platform.clock.settle()
  assert.deepEqual(scene.failures, ['PT_TRUNCATED', 'ECONNRESET'])
  assert.deepEqual(scene.clients, [])
  assert.equal(scene.platform.clock.timerCount, 0)
})

test('lets nobody in whose stream has gone while the veto was asked', async () => {
  let decide = (_isWelcome: boolean): void => {}
  const scene = await open({ admit: () => new Promise((resolve) => (decide = resolve)) })
  const { stream } = await authenticate(scene)
  stream.write(DONE)
  await scene.platform.clock.settle()
  stream.resetAndDestroy?.()
  await scene.platform.clock.settle()
  decide(true)
  await scene.platform.clock.settle()
  assert.deepEqual([scene.failures, scene.clients], [['PT_TRUNCATED'], []])
})

test('closes newcomers at once while as many as may be are short of OKAY', async () => {
  const scene = await open({ maxHandshakes: 1 })
  const first = watchStream(await scene.dialRaw())
  const second = watchStream(await scene.dialRaw())
  await scene.platform.clock.settle()
  assert.deepEqual([first.received().length, second.received().length], [2, 0])
  assert.equal(second.events[0], 'end')
  first.stream.destroy()
  await scene.platform.clock.settle()
  await scene.dial()
})

test('lets clients live when it is closed, and ends the others', async () => {
  const scene = await open()
  const near = await scene.dial()
  const late = watchStream(await scene.dialRaw())
  await scene.platform.clock.settle()
  await scene.server.close()
  await scene.platform.clock.settle()
  assert.deepEqual(late.events, ['end'])
  await assert.rejects(scene.dialRaw(), { code: 'ECONNREFUSED' })
  near.write('still')
  assert.equal((await readExactly(scene.clients[0]!.stream, 5)).toString(), 'still')
})

test('binds nothing when the cookie file cannot be written', async () => {
  const platform = createMemoryPlatform()
  const failure = new Error('read-only file system')
  const listening = listenExtendedOrPort({
    platform,
    address,
    writeCookieFile: () => Promise.reject(failure),
    onClient: () => {},
  })
  await assert.rejects(listening, failure)
  assert.equal(platform.network.bindingCount, 0)
})
