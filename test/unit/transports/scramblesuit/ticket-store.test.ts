import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Store } from '../../../../src/core/platform.ts'
import { systemPlatform } from '../../../../src/platform/index.ts'
import { FakeClock } from '../../../../src/testing/fake-clock.ts'
import { MemoryStore } from '../../../../src/testing/memory-store.ts'
import { TICKET_LIFE_MS } from '../../../../src/transports/scramblesuit/constants.ts'
import {
  FileTickets,
  MAX_KEPT_TICKETS,
  MemoryTickets,
  type SessionTicket,
  TICKETS_FILE_LENGTH,
  serverKeyOf,
} from '../../../../src/transports/scramblesuit/ticket-store.ts'

const PATH = '/state/scramblesuit_tickets.bin'
const ticketOf = (fill: number): SessionTicket => ({
  masterKey: Buffer.alloc(32, fill),
  ticket: Buffer.alloc(112, fill),
})
const keyOf = (index: number): string => index.toString(16).padStart(16, '0')

function createFile(store: Store = new MemoryStore(), clock = new FakeClock(), stateDir = '/state') {
  const events: unknown[] = []
  const log = (event: string, fields?: object): void => void events.push([event, fields])
  return { events, store, clock, tickets: new FileTickets({ stateDir, store, clock, log }) }
}

const assertTicket = (actual: SessionTicket | undefined, fill: number): void => {
  assert.deepEqual({ masterKey: actual?.masterKey, ticket: actual?.ticket }, ticketOf(fill))
}

for (const [name, create] of [
  ['memory', (clock: FakeClock) => new MemoryTickets(clock)],
  ['a file', (clock: FakeClock) => createFile(new MemoryStore(), clock).tickets],
] as const) {
  describe(`tickets in ${name}`, () => {
    test('are handed out once, the newest of each server', async () => {
      const tickets = create(new FakeClock())
      assert.equal(await tickets.take(keyOf(1)), undefined)
      await tickets.put(keyOf(1), ticketOf(1))
      await tickets.put(keyOf(2), ticketOf(2))
      await tickets.put(keyOf(1), ticketOf(3))
      assert.deepEqual(
        [keyOf(1), keyOf(2), keyOf(3)].map((key) => tickets.expects(key)),
        [true, true, false],
      )
      const both = await Promise.all([tickets.take(keyOf(1)), tickets.take(keyOf(1))])
      assertTicket(both[0], 3)
      assert.equal(both[1], undefined)
      assert.equal(tickets.expects(keyOf(1)), false)
      assertTicket(await tickets.take(keyOf(2)), 2)
    })

    test('of a clock that was far ahead do not outlive it', async () => {
      const clock = new FakeClock()
      const tickets = create(clock)
      clock.setWallClock(clock.now() + TICKET_LIFE_MS)
      await tickets.put(keyOf(1), ticketOf(1))
      clock.setWallClock(clock.now() - TICKET_LIFE_MS)
      assert.equal(await tickets.take(keyOf(1)), undefined)
    })

    test('expire seven days after they came', async () => {
      const clock = new FakeClock()
      const tickets = create(clock)
      for (const index of [1, 2]) await tickets.put(keyOf(index), ticketOf(index))
      clock.setWallClock(clock.now() + TICKET_LIFE_MS - 1)
      assertTicket(await tickets.take(keyOf(1)), 1)
      clock.setWallClock(clock.now() + 1)
      assert.equal(await tickets.take(keyOf(2)), undefined)
    })

    test('are bounded: the oldest goes', async () => {
      const clock = new FakeClock()
      const tickets = create(clock)
      for (let index = 0; index < MAX_KEPT_TICKETS; index++) {
        await tickets.put(keyOf(index), ticketOf(index))
        clock.setWallClock(clock.now() + 1)
      }
      await tickets.put(keyOf(1000), ticketOf(9))
      assert.equal(await tickets.take(keyOf(0)), undefined)
      for (const [key, fill] of [
        [1000, 9],
        [1, 1],
        [MAX_KEPT_TICKETS - 1, MAX_KEPT_TICKETS - 1],
      ] as const)
        assertTicket(await tickets.take(keyOf(key)), fill)
    })

    test('are copies', async () => {
      const tickets = create(new FakeClock())
      const ticket = ticketOf(1)
      const kept = tickets.put(keyOf(1), ticket)
      ticket.ticket.fill(0)
      ticket.masterKey.fill(0)
      await kept
      assertTicket(await tickets.take(keyOf(1)), 1)
    })
  })
}

test('a file is for its owner alone, and a ticket is gone from it before it is handed out', async (context) => {
  const path = await mkdtemp(join(tmpdir(), 'tickets-'))
  context.after(() => rm(path, { recursive: true, force: true }))
  const { tickets } = createFile(systemPlatform.store, new FakeClock(), path)
  await tickets.put(keyOf(1), ticketOf(0xab))
  const file = join(path, 'scramblesuit_tickets.bin')
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  const content = await readFile(file)
  assert.equal(content.length, TICKETS_FILE_LENGTH)
  assert.ok(content.includes(Buffer.alloc(112, 0xab)))
  await tickets.take(keyOf(1))
  assert.equal((await readFile(file)).includes(Buffer.alloc(16, 0xab)), false)
})

test('several factories share a file, and a restart finds it', async () => {
  const { store, clock, tickets } = createFile()
  await tickets.put(keyOf(1), ticketOf(1))
  await tickets.put(keyOf(2), ticketOf(2))
  const others = createFile(store, clock).tickets
  assertTicket(await others.take(keyOf(1)), 1)
  assert.equal(await tickets.take(keyOf(1)), undefined)
  assertTicket(await tickets.take(keyOf(2)), 2)
})

test('however many tickets one server sends at once, the file is opened twice at the most, for the newest', async () => {
  const { store, clock } = createFile()
  let openCount = 0
  const counting: Store = {
    directory: async (path) => {
      const directory = await store.directory(path)
      return { ...directory, openSlots: (...slots) => ((openCount += 1), directory.openSlots(...slots)) }
    },
  }
  const { tickets } = createFile(counting, clock)
  await Promise.all(Array.from({ length: 100 }, (_, index) => tickets.put(keyOf(1), ticketOf(index))))
  assert.ok(openCount <= 2, `opened ${openCount} times`)
  assertTicket(await tickets.take(keyOf(1)), 99)
  await tickets.put(keyOf(1), ticketOf(5))
  assertTicket(await tickets.take(keyOf(1)), 5)
})

test('a ticket that comes while another is written, or after one that was not, is kept', async () => {
  const store = new MemoryStore()
  const { tickets } = createFile(store)
  store.fail('openSlots')
  await tickets.put(keyOf(1), ticketOf(1))
  store.heal()
  const first = tickets.put(keyOf(1), ticketOf(2))
  for (let turn = 0; turn < 4; turn++) await Promise.resolve()
  await Promise.all([first, tickets.put(keyOf(1), ticketOf(3))])
  assertTicket(await tickets.take(keyOf(1)), 3)
})

test('a clock that tells parts of a millisecond costs no ticket', async () => {
  const clock = new FakeClock()
  const store = new MemoryStore()
  const now = () => clock.now() + 0.25
  const tickets = new FileTickets({ stateDir: '/state', store, clock: { now }, log: () => {} })
  await tickets.put(keyOf(1), ticketOf(1))
  assertTicket(await tickets.take(keyOf(1)), 1)
})

test('a corrupt ticket is skipped, and its place used again', async () => {
  const store = new MemoryStore()
  const { tickets, events } = createFile(store)
  await tickets.put(keyOf(1), ticketOf(1))
  await tickets.put(keyOf(2), ticketOf(2))
  store.files.get(PATH)![40]! ^= 1
  assert.equal(await tickets.take(keyOf(1)), undefined)
  assertTicket(await tickets.take(keyOf(2)), 2)
  await tickets.put(keyOf(3), ticketOf(3))
  assertTicket(await tickets.take(keyOf(3)), 3)
  assert.deepEqual(events, [])
})

test('a file that is none, is locked or fails costs the ticket alone, and is told', async () => {
  const cases: readonly [code: string, prepare: (store: MemoryStore) => void][] = [
    ['PT_STATE_CORRUPT', (store) => store.files.set(PATH, Buffer.alloc(TICKETS_FILE_LENGTH, 1))],
    ['PT_STATE_CORRUPT', (store) => store.files.set(PATH, Buffer.alloc(5))],
    ['PT_STATE_LOCKED', (store) => store.lock(PATH)],
    ['PT_STATE_UNUSABLE', (store) => store.fail('directory')],
    ['EIO', (store) => store.fail('openSlots')],
    ['EIO', (store) => store.fail('write')],
  ]
  for (const [code, prepare] of cases) {
    const store = new MemoryStore()
    await createFile(store).tickets.put(keyOf(1), ticketOf(1))
    const before = Buffer.from(store.files.get(PATH)!)
    prepare(store)
    const damaged = Buffer.from(store.files.get(PATH)!)
    const { tickets, events } = createFile(store)
    assert.equal(await tickets.take(keyOf(1)), undefined)
    await tickets.put(keyOf(1), ticketOf(2))
    const told = ['ticket-store:error', { code }]
    assert.deepEqual(events, [told, told])
    assert.deepEqual(store.files.get(PATH), damaged)
    store.heal()
    store.dropLocks()
    store.files.set(PATH, before)
    assertTicket(await tickets.take(keyOf(1)), 1)
  }
})

test('a server is known by address and password', () => {
  const password = Buffer.alloc(20, 1)
  const keys = [
    serverKeyOf({ host: '192.0.2.1', port: 443 }, password),
    serverKeyOf({ host: '192.0.2.1', port: 444 }, password),
    serverKeyOf({ host: '192.0.2.2', port: 443 }, password),
    serverKeyOf({ host: '192.0.2.1', port: 443 }, Buffer.alloc(20, 2)),
    serverKeyOf({ path: '192.0.2.1 443' }, password),
  ]
  assert.equal(new Set(keys).size, 5)
  assert.ok(keys.every((key) => /^[0-9a-f]{16}$/.test(key)))
  assert.equal(keys[0], serverKeyOf({ host: '192.0.2.1', port: 443 }, Buffer.from(password)))
})
