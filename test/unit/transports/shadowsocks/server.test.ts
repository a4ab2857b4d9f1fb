import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Connection } from '../../../../src/core/connection.ts'
import type { ByteStream } from '../../../../src/core/platform.ts'
import { createMemoryPlatform, type MemoryPlatform } from '../../../../src/testing/index.ts'
import { type ShadowsocksServerInput, shadowsocks } from '../../../../src/transports/shadowsocks/index.ts'
import { keyOf } from '../../../../src/transports/shadowsocks/keys.ts'
import { METHODS } from '../../../../src/transports/shadowsocks/methods.ts'
import { SHORTEST_SILENCE_MS, SILENCE_SPREAD_MS, silenceMsOf } from '../../../../src/transports/shadowsocks/server.ts'
import { Forgotten, TimedSalts } from '../../../../src/transports/shadowsocks/timed-salts.ts'
import { encodeSocksAddress } from '../../../../src/wire/socks-address.ts'

const ADDRESS = { host: '127.0.0.1', port: 443 }
const OLD = { method: 'aes-256-gcm', password: 'p' } as const
const NEW = { method: '2022-blake3-aes-256-gcm', password: Buffer.alloc(32, 9).toString('base64') } as const

interface Running {
  readonly connections: Connection[]
  readonly errors: string[]
  readonly stop: () => Promise<void>
}

async function start(platform: MemoryPlatform, options: ShadowsocksServerInput): Promise<Running> {
  const listener = shadowsocks.server(options, { platform }).listen({ ...ADDRESS, allowHalfOpen: true })
  const [connections, errors]: [Connection[], string[]] = [[], []]
  listener.on('error', (error) => errors.push(String(Reflect.get(error, 'code'))))
  listener.on('connection', (connection) => {
    connection.on('error', (error) => errors.push(String(Reflect.get(error, 'code'))))
    connections.push(connection)
  })
  await platform.clock.settle()
  const stop = async (): Promise<void> => {
    listener.close()
    listener.closeAllConnections()
    await platform.clock.settle()
  }
  return { connections, errors, stop }
}

function connect(platform: MemoryPlatform, options: typeof OLD | typeof NEW): Connection {
  const connection = shadowsocks.client(options, { platform }).connect({ ...ADDRESS, allowHalfOpen: true })
  connection.on('error', () => {})
  return connection
}

async function prober({ network, clock }: MemoryPlatform, bytes: Uint8Array): Promise<ByteStream> {
  const stream = await network.dial(ADDRESS, { signal: new AbortController().signal })
  stream.on('error', () => {}).resume()
  stream.write(bytes)
  await clock.settle()
  return stream
}

test('salts of 2017 outlive the server in its state directory', async () => {
  const platform = createMemoryPlatform()
  const options = { ...OLD, stateDir: '/state' }
  const first = await start(platform, options)
  const client = connect(platform, OLD)
  client.write('secret')
  await platform.clock.advance(20)
  assert.equal(first.connections.length, 1)
  const recorded = platform.network.links[0]!.toServer.sent
  client.destroy()
  assert.equal(platform.clock.deferredCount, 1, 'the salt is not written yet')
  await first.stop()
  const second = await start(platform, options)
  const replayer = await prober(platform, recorded)
  assert.deepEqual([second.connections.length, replayer.readableEnded], [0, false])
  await second.stop()
  const locked = await start(platform, options)
  const other = await start(platform, { ...options })
  assert.deepEqual(other.errors, ['PT_STATE_LOCKED'])
  for (const each of [locked, other]) await each.stop()
  const inMemory = await start(platform, OLD)
  await prober(platform, recorded)
  assert.equal(inMemory.connections.length, 1, 'without the directory a new server cannot know it')
  await inMemory.stop()
})

test('salts of 2017 outlive a server that is killed, once their batch is written', async () => {
  const killed = createMemoryPlatform()
  const options = { ...OLD, stateDir: '/state' }
  const first = await start(killed, options)
  const recorded: Buffer[] = []
  for (const text of ['a', 'b', 'c']) {
    const client = connect(killed, OLD)
    client.write(text)
    await killed.clock.advance(20)
    await killed.clock.runDeferred()
    recorded.push(killed.network.links.at(-1)!.toServer.sent)
    client.destroy()
  }
  assert.equal(first.connections.length, recorded.length)
  killed.store.dropLocks()
  const platform = createMemoryPlatform({ store: killed.store })
  const second = await start(platform, options)
  for (const bytes of recorded) await prober(platform, bytes)
  assert.equal(second.connections.length, 0)
  for (const each of [second, first]) await each.stop()
})

test("a server's own stream that comes back to it, or to its client, is a replay", async () => {
  const platform = createMemoryPlatform()
  const { connections, stop } = await start(platform, OLD)
  const client = connect(platform, OLD)
  client.write('question')
  await platform.clock.advance(20)
  // As it would be a client's: the address comes first.
  connections[0]!.write(Buffer.concat([encodeSocksAddress(ADDRESS), Buffer.from('answer')]))
  await platform.clock.settle()
  const link = platform.network.links[0]!
  assert.ok(link.toClient.sentLength > 0)
  await prober(platform, link.toClient.sent)
  assert.equal(connections.length, 1)
  const reflected = createMemoryPlatform({ clock: platform.clock })
  reflected.network.onLink = ({ server }) => void server.on('data', (bytes: Buffer) => server.write(bytes))
  await reflected.network.bind(ADDRESS, { onStream: (stream) => stream.resume(), onError: assert.fail })
  const fooled = connect(reflected, OLD)
  let [code, length] = ['', 0]
  fooled.on('error', (error) => (code = String(Reflect.get(error, 'code'))))
  fooled.on('data', (bytes: Buffer) => (length += bytes.length))
  fooled.write('question')
  await platform.clock.advance(20)
  assert.deepEqual([code, length], ['PT_REPLAY', 0])
  client.destroy()
  await stop()
})

test('what is altered in an open stream silences it until a deadline, while the answers go on', async () => {
  const platform = createMemoryPlatform()
  const { clock, network } = platform
  const { connections, errors, stop } = await start(platform, OLD)
  const client = connect(platform, OLD)
  const heard: string[] = []
  client.on('data', (bytes: Buffer) => heard.push(bytes.toString()))
  client.write('question')
  await clock.advance(20)
  const server = connections[0]!.resume()
  const { toServer, toClient } = network.links[0]!
  toServer.flip(toServer.sentLength + 3, 1)
  client.write('altered')
  await clock.settle()
  server.write('answer')
  await clock.advance(SHORTEST_SILENCE_MS - 1000)
  assert.deepEqual([heard, errors, toClient.hasEnded], [['answer'], [], false])
  await clock.advance(SILENCE_SPREAD_MS + 1000)
  assert.deepEqual([errors, toClient.hasEnded], [['PT_FRAME_INVALID'], true])
  client.destroy()
  await stop()
})

test('the time of silence is of the key: between 30 and 90 s, and not that of another', () => {
  const times = ['a', 'b', 'c'].map((password) => silenceMsOf(keyOf(METHODS['aes-256-gcm'], password)!))
  assert.equal(new Set(times).size, 3)
  for (const ms of times) assert.ok(ms >= SHORTEST_SILENCE_MS && ms < SHORTEST_SILENCE_MS + SILENCE_SPREAD_MS)
})

test('a server of 2022 takes nobody for 30 s after its start, and so nothing that one before it had taken', async () => {
  const platform = createMemoryPlatform()
  const { clock, network } = platform
  const first = await start(platform, NEW)
  await clock.advance(40_000)
  const client = connect(platform, NEW)
  client.write('secret')
  await clock.advance(20)
  assert.equal(first.connections.length, 1)
  const recorded = network.links[0]!.toServer.sent
  client.destroy()
  await first.stop()
  const second = await start(platform, NEW)
  for (let seconds = 0; seconds < 35; seconds += 5) {
    await prober(platform, recorded)
    await clock.advance(5_000)
  }
  assert.equal(second.connections.length, 0, 'its replays at no time')
  connect(platform, NEW).write('honest')
  await clock.advance(20)
  assert.equal(second.connections.length, 1, 'and a client after 30 s')
  await prober(platform, network.links.at(-1)!.toServer.sent)
  assert.equal(second.connections.length, 1)
  await second.stop()
})

test('a server of 2022 believes no time that a server before it may have believed', async () => {
  const platform = createMemoryPlatform()
  const { clock, network } = platform
  const held: Buffer[] = []
  await network.bind(
    { ...ADDRESS, port: 444 },
    { onStream: (stream) => stream.on('data', (bytes: Buffer) => held.push(bytes)), onError: assert.fail },
  )
  await clock.advance(40_000)
  const now = clock.now()
  clock.setWallClock(now + 30_000)
  const early = shadowsocks.client(NEW, { platform }).connect({ ...ADDRESS, port: 444 })
  early.write('from a clock that is 30 s fast')
  await clock.settle()
  clock.setWallClock(now)
  const restarted = await start(platform, NEW)
  for (let seconds = 0; seconds <= 65; seconds += 5) {
    await prober(platform, Buffer.concat(held))
    await clock.advance(5_000)
  }
  assert.ok(held.length > 0)
  assert.equal(restarted.connections.length, 0)
  early.destroy()
  await restarted.stop()
})

test('a client of 2022 is refused 30 s after its time, on the edge not', async () => {
  for (const [ms, count] of [
    [30_000, 1],
    [31_000, 0],
  ] as const) {
    const platform = createMemoryPlatform()
    const { clock, network } = platform
    const { connections, stop } = await start(platform, NEW)
    await clock.advance(100_000)
    const held: Buffer[] = []
    await network.bind(
      { ...ADDRESS, port: 444 },
      { onStream: (stream) => stream.on('data', (bytes: Buffer) => held.push(bytes)), onError: assert.fail },
    )
    const client = shadowsocks.client(NEW, { platform }).connect({ ...ADDRESS, port: 444 })
    client.write('late')
    await clock.advance(20)
    clock.setWallClock(Math.floor(clock.now() / 1000) * 1000 + ms)
    await prober(platform, Buffer.concat(held))
    assert.equal(connections.length, count, `after ${ms} ms`)
    client.destroy()
    await stop()
  }
})

test('salts of 2022 are kept for 60 s, and not believed again when the clock is set back', async () => {
  const { clock } = createMemoryPlatform()
  const now = (): number => Math.floor(clock.now() / 1000)
  const salts = new TimedSalts(clock, new Forgotten(clock.now() - 100_000), 3)
  const salt = (index: number): Buffer => Buffer.alloc(16, index)
  const time = now()
  assert.equal(salts.insert(salt(1), time + 30), 'fresh')
  await clock.advance(59_000)
  assert.equal(salts.insert(salt(1), time + 30), 'replay')
  await clock.advance(3_000)
  assert.equal(salts.insert(salt(2), now()), 'fresh')
  assert.equal(salts.size, 1, 'the first is forgotten')
  clock.setWallClock(time * 1000)
  assert.equal(salts.insert(salt(1), time + 30), 'stale')
  clock.setWallClock((time + 62) * 1000)
  for (const index of [3, 4]) assert.equal(salts.insert(salt(index), now()), 'fresh')
  assert.equal(salts.insert(salt(5), now()), 'stale', 'no room')
})

test('a protocol in which the server speaks first waits 10 ms, and bytes leave with the header', async () => {
  const platform = createMemoryPlatform()
  const { clock, network } = platform
  const { connections, stop } = await start(platform, OLD)
  const silent = connect(platform, OLD)
  await clock.advance(9)
  assert.equal(network.links[0]!.toServer.sentLength, 0)
  await clock.advance(1)
  assert.equal(connections.length, 1)
  assert.deepEqual(connections[0]!.target, { host: '127.0.0.1', port: 1 })
  const writer = connect(platform, OLD)
  writer.write('x')
  await clock.settle()
  assert.equal(network.links[1]!.toServer.sentLength, 32 + 18 + 7 + 1 + 16)
  for (const each of [silent, writer]) each.destroy()
  await stop()
})
