import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from '../../../../src/core/log.ts'
import { REPLAY_FILE_LENGTH } from '../../../../src/crypto/replay-filter.ts'
import { createMemoryPlatform } from '../../../../src/testing/memory-platform.ts'
import { MemoryStore } from '../../../../src/testing/memory-store.ts'
import { parseCert } from '../../../../src/transports/obfs4/cert.ts'
import type { Obfs4ServerOptions } from '../../../../src/transports/obfs4/options.ts'
import { Obfs4Server, silenceMsOf } from '../../../../src/transports/obfs4/server.ts'
import { vectors } from '../../crypto/vectors.ts'

const REPLAY_FILE = '/state/obfs4_replay.bin'
const STATE_FILE = '/state/obfs4_state.json'

function create(options: Obfs4ServerOptions = { stateDir: '/state' }, store = new MemoryStore(), seed = 0) {
  const events: string[] = []
  const platform = createMemoryPlatform({ store, seed })
  const tell = (event: string): void => void events.push(event)
  const log = createLog('obfs4', { debug: tell, warn: tell, error: tell })
  return { events, platform, store, server: new Obfs4Server(options, { platform, log }) }
}

test("the time of silence is 30 s and the delay of obfs4proxy's own draw", () => {
  const { drbgSeed, seconds } = vectors.closeDelay
  assert.equal(silenceMsOf(Buffer.from(drbgSeed, 'hex')), 30_000 + seconds * 1000)
  const times = Array.from({ length: 200 }, (_, index) => silenceMsOf(Buffer.alloc(24, index)))
  assert.ok(times.every((ms) => ms >= 30_000 && ms < 90_000 && ms % 1000 === 0))
  assert.ok(new Set(times).size > 30)
})

test('nothing is read or made before open()', async () => {
  const { store, platform, server } = create()
  assert.equal(store.files.size, 0)
  assert.equal(platform.clock.deferredCount, 0)
  const session = await server.open()
  assert.deepEqual([...store.files.keys()].sort(), ['/state/obfs4_bridgeline.txt', REPLAY_FILE, STATE_FILE])
  assert.equal(store.files.get(REPLAY_FILE)!.length, REPLAY_FILE_LENGTH)
  await session.close()
  assert.equal(store.lockCount, 0)
  assert.equal(platform.clock.deferredCount, 0)
})

test('tells clients the cert and iat-mode of its identity, the same after a restart', async () => {
  const { server, store } = create({ stateDir: '/state', iatMode: 2 })
  const first = await server.open()
  const { cert, 'iat-mode': iatMode } = first.clientArguments
  assert.equal(iatMode, '2')
  assert.ok(parseCert(cert!))
  await first.close()
  const second = await create({ stateDir: '/state' }, store, 1).server.open()
  assert.deepEqual(second.clientArguments, first.clientArguments)
  await second.close()
})

test('keeps identity and filter in memory alone without a directory, and says so', async () => {
  const { server, events, store } = create({})
  const session = await server.open()
  assert.deepEqual(events, ['replay-filter:memory-only'])
  assert.equal(store.files.size, 0)
  await session.close()
})

test('refuses what it cannot use, leaves it as it was, and holds no lock after', async () => {
  const cases: readonly [code: string, prepare: (store: MemoryStore) => void][] = [
    ['PT_STATE_CORRUPT', (store) => store.files.set(REPLAY_FILE, Buffer.alloc(REPLAY_FILE_LENGTH, 1))],
    ['PT_STATE_CORRUPT', (store) => store.files.set(REPLAY_FILE, Buffer.alloc(REPLAY_FILE_LENGTH - 1))],
    ['PT_STATE_CORRUPT', (store) => store.files.set(STATE_FILE, Buffer.from('{"node-id":'))],
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
  const { server, store } = create()
  store.lock(REPLAY_FILE)
  await assert.rejects(server.open(), { code: 'PT_STATE_LOCKED' })
})

test('uses an identity from options, says that another is stored, and leaves that', async () => {
  const { server, store } = create()
  await (await server.open()).close()
  const before = store.files.get(STATE_FILE)
  const identity = { nodeId: Buffer.alloc(20, 1), privateKey: Buffer.alloc(32, 2), drbgSeed: Buffer.alloc(24, 3) }
  const other = create({ stateDir: '/state', identity }, store)
  const session = await other.server.open()
  assert.deepEqual(other.events, ['state:identity-differs'])
  assert.deepEqual(parseCert(session.clientArguments['cert']!)!.nodeId, identity.nodeId)
  assert.deepEqual(store.files.get(STATE_FILE), before)
  await session.close()
})
