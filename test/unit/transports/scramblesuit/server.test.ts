import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Codec, NOTHING } from '../../../../src/core/codec.ts'
import { createLog } from '../../../../src/core/log.ts'
import {
  REPLAY_FILE_LENGTH,
  REPLAY_SLOT_COUNT,
  ReplayFilter,
  createReplayFile,
} from '../../../../src/crypto/replay-filter.ts'
import { FakeClock } from '../../../../src/testing/fake-clock.ts'
import { createMemoryPlatform } from '../../../../src/testing/memory-platform.ts'
import { MemoryStore } from '../../../../src/testing/memory-store.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { TICKET_LIFE_MS } from '../../../../src/transports/scramblesuit/constants.ts'
import { epochHourOf } from '../../../../src/transports/scramblesuit/handshake.ts'
import type { ScrambleSuitServerOptions } from '../../../../src/transports/scramblesuit/options.ts'
import { parsePassword } from '../../../../src/transports/scramblesuit/password.ts'
import { ScrambleSuitServer, prngSeedOf, silenceMsOf } from '../../../../src/transports/scramblesuit/server.ts'
import { perform, wireOf } from '../../../support/codec-steps.ts'
import {
  type TestBridge,
  type TestClient,
  createTestBridge,
  createTestClient,
} from '../../../support/scramblesuit-bridge.ts'

const FILES = ['redeemed.bin', 'replay.bin', 'state.json', 'ticket_keys.json'].map(
  (name) => `/state/scramblesuit_${name}`,
)
const [REDEEMED, REPLAYS, STATE, KEYS] = FILES as [string, string, string, string]

function create(options: ScrambleSuitServerOptions = { stateDir: '/state' }, store = new MemoryStore(), seed = 0) {
  const events: string[] = []
  const platform = createMemoryPlatform({ store, seed })
  const tell = (event: string): void => void events.push(event)
  const log = createLog('scramblesuit', { debug: tell, warn: tell, error: tell })
  return { events, platform, store, server: new ScrambleSuitServer(options, { platform, log }) }
}

test('the time of silence is 30 to 89 s, the same for one password', () => {
  const times = Array.from({ length: 200 }, (_, index) => silenceMsOf(Buffer.alloc(20, index)))
  assert.ok(times.every((ms) => ms >= 30_000 && ms < 90_000 && ms % 1000 === 0))
  assert.ok(new Set(times).size > 30)
  assert.equal(silenceMsOf(Buffer.alloc(20, 5)), times[5])
  assert.equal(prngSeedOf(Buffer.alloc(20, 5)).length, 32)
})

test('nothing is read or made before open(), and nothing held after close()', async () => {
  const { store, platform, server } = create()
  assert.equal(store.files.size, 0)
  assert.equal(platform.clock.deferredCount, 0)
  const session = await server.open()
  assert.deepEqual([...store.files.keys()].sort(), FILES)
  await session.close()
  assert.equal(store.lockCount, 0)
  assert.equal(platform.clock.deferredCount, 0)
  assert.equal(platform.clock.timerCount, 0)
})

test('tells clients its password, the same after a restart', async () => {
  const { server, store } = create()
  const first = await server.open()
  assert.ok(parsePassword(first.clientArguments['password']!))
  await first.close()
  const keys = store.files.get(KEYS)
  const second = await create({ stateDir: '/state' }, store, 1).server.open()
  assert.deepEqual(second.clientArguments, first.clientArguments)
  assert.deepEqual(store.files.get(KEYS), keys)
  await second.close()
})

test('makes a new ticket key when it is opened after seven days, and keeps the one before', async () => {
  const { server, store } = create()
  await (await server.open()).close()
  const later = create({ stateDir: '/state' }, store, 1)
  later.platform.clock.setWallClock(later.platform.clock.now() + TICKET_LIFE_MS)
  const before = (JSON.parse(String(store.files.get(KEYS))) as { keys: unknown[] }).keys
  await (await later.server.open()).close()
  const after = (JSON.parse(String(store.files.get(KEYS))) as { keys: unknown[] }).keys
  assert.equal(after.length, 2)
  assert.deepEqual(after[1], before[0])
})

test('keeps all in memory alone without a directory, and says so', async () => {
  const { server, events, store } = create({})
  const session = await server.open()
  assert.deepEqual(events, ['replay-filter:memory-only'])
  assert.equal(store.files.size, 0)
  await session.close()
})

test('refuses what it cannot use, leaves it as it was, and holds no lock after', async () => {
  const cases: readonly [code: string, prepare: (store: MemoryStore) => void][] = [
    ['PT_STATE_CORRUPT', (store) => store.files.set(REPLAYS, Buffer.alloc(REPLAY_FILE_LENGTH, 1))],
    ['PT_STATE_CORRUPT', (store) => store.files.set(REDEEMED, Buffer.alloc(REPLAY_FILE_LENGTH, 1))],
    ['PT_STATE_CORRUPT', (store) => store.files.set(STATE, Buffer.from('{'))],
    ['PT_STATE_CORRUPT', (store) => store.files.set(KEYS, Buffer.from('{"keys":5}'))],
    ['PT_STATE_UNUSABLE', (store) => store.fail('read')],
    ['PT_STATE_UNUSABLE', (store) => store.fail('replace')],
    ['PT_STATE_UNUSABLE', (store) => store.fail('directory')],
  ]
  for (const [code, prepare] of cases) {
    const { server, store, platform } = create()
    prepare(store)
    const before = new Map(store.files)
    await assert.rejects(server.open(), { code })
    for (const [path, content] of before) assert.deepEqual(store.files.get(path), content)
    assert.equal(store.lockCount, 0, `${code} leaves a lock`)
    assert.equal(platform.clock.deferredCount, 0)
  }
})

test('refuses a directory that another process uses', async () => {
  for (const path of [REPLAYS, REDEEMED]) {
    const { server, store } = create()
    store.lock(path)
    await assert.rejects(server.open(), { code: 'PT_STATE_LOCKED' })
    assert.equal(store.lockCount, 1)
  }
})

test('uses a password from options, says that another is stored, and leaves that', async () => {
  const { server, store } = create()
  await (await server.open()).close()
  const before = store.files.get(STATE)
  const other = create({ stateDir: '/state', password: Buffer.alloc(20, 1) }, store)
  const session = await other.server.open()
  assert.deepEqual(other.events, ['state:identity-differs'])
  assert.deepEqual(parsePassword(session.clientArguments['password']!), Buffer.alloc(20, 1))
  assert.deepEqual(store.files.get(STATE), before)
  await session.close()
})

/** Opens a server, has `act` speak to it, and closes it: a restart is another over the same store. */
async function during<Result>(
  store: MemoryStore,
  password: Buffer,
  act: (accept: () => Codec, bridge: TestBridge) => Promise<Result>,
): Promise<Result> {
  const { server, platform } = create({ stateDir: '/state', password }, store)
  const session = await server.open()
  const accept = (): Codec => {
    const codec = session.codec()
    codec.start()
    return codec
  }
  try {
    return await act(accept, { ...createTestBridge(), clock: platform.clock, password })
  } finally {
    await session.close()
  }
}

/** Makes a client's hello. */
async function helloOf({ codec }: TestClient): Promise<Buffer> {
  return wireOf(await perform(codec, codec.start()))
}

/** Connects by UniformDH; returns the hello, and the ticket that came. */
async function connectOnce(accept: () => Codec, bridge: TestBridge) {
  const client = createTestClient(bridge)
  const codec = accept()
  const hello = await helloOf(client)
  client.codec.receive(wireOf(await perform(codec, codec.receive(hello))))
  client.codec.receive(wireOf(codec.wake!()))
  return { hello, ticket: client.tickets[0] }
}

test('takes neither a hello nor a ticket a second time, also after a restart', async () => {
  const store = new MemoryStore()
  const password = Buffer.alloc(20, 1)
  const { hello, ticket } = await during(store, password, connectOnce)
  const redemption = await during(store, password, async (accept, bridge) => {
    assert.deepEqual(accept().receive(hello), NOTHING)
    const message = await helloOf(createTestClient(bridge, { ticket }))
    const codec = accept()
    assert.equal((await perform(codec, codec.receive(message))).established, true)
    return message
  })
  await during(store, password, async (accept, bridge) => {
    assert.deepEqual(accept().receive(redemption), NOTHING)
    assert.deepEqual(accept().receive(await helloOf(createTestClient(bridge, { ticket }))), NOTHING)
  })
})

test('takes no ticket of another password', async () => {
  const store = new MemoryStore()
  const { ticket } = await during(store, Buffer.alloc(20, 1), connectOnce)
  const redeem = async (accept: () => Codec, bridge: TestBridge) =>
    accept().receive(await helloOf(createTestClient(bridge, { ticket })))
  assert.deepEqual(await during(store, Buffer.alloc(20, 2), redeem), NOTHING)
  assert.ok((await during(store, Buffer.alloc(20, 1), redeem)).pending)
})

test('issues no ticket that it could not remember, also after a restart, until others expire', async () => {
  const store = new MemoryStore()
  const password = Buffer.alloc(20, 1)
  const content = createReplayFile(new SeededRandom('redeemed'))
  const hour = epochHourOf(new FakeClock().now())
  const write = (position: number, bytes: Uint8Array) => Promise.resolve(content.set(bytes, position))
  const filter = new ReplayFilter({ content, write })
  const tag = Buffer.alloc(16)
  for (let index = 0; index < REPLAY_SLOT_COUNT; index++) {
    tag.writeUInt32LE(index)
    filter.insert(tag, hour + 1, hour)
  }
  store.files.set(REDEEMED, content)
  await during(store, password, async (accept, bridge) => {
    assert.equal((await connectOnce(accept, bridge)).ticket, undefined)
    bridge.clock.setWallClock(bridge.clock.now() + 3 * 3_600_000)
    assert.equal((await connectOnce(accept, bridge)).ticket?.ticket.length, 112)
  })
})
