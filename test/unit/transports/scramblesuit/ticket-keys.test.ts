import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { TICKET_LIFE_MS } from '../../../../src/transports/scramblesuit/constants.ts'
import { type TicketKey, TicketKeys } from '../../../../src/transports/scramblesuit/ticket-keys.ts'

const START = Date.UTC(2026, 0, 1)
const HOUR = 3_600_000

function create(keys: readonly TicketKey[] = [], seed = 'keys', password = Buffer.alloc(20, 1)) {
  const rotations: (readonly TicketKey[])[] = []
  const made = new TicketKeys(keys, password, new SeededRandom(seed), (rotated) => void rotations.push(rotated))
  return { keys: made, rotations }
}

test('opens what it issued, up to seven days later', () => {
  const { keys } = create()
  const { ticket, masterKey } = keys.issue(START)
  assert.deepEqual([ticket.length, masterKey.length], [112, 32])
  assert.deepEqual(keys.open(ticket, START), { masterKey, expiresAt: START + TICKET_LIFE_MS })
  assert.ok(keys.open(ticket, START + TICKET_LIFE_MS - 1))
  assert.equal(keys.open(ticket, START + TICKET_LIFE_MS), undefined)
})

test('issues tickets that have nothing in common', () => {
  const { keys } = create()
  const tickets = Array.from({ length: 20 }, () => keys.issue(START).ticket)
  const places = Array.from({ length: 112 }, (_, at) => new Set(tickets.map((ticket) => ticket[at])).size)
  assert.ok(
    places.every((count) => count > 10),
    String(places),
  )
})

test('opens nothing that is altered anywhere, or of another length', () => {
  const { keys } = create()
  const { ticket } = keys.issue(START)
  for (let at = 0; at < ticket.length; at++) {
    const altered = Buffer.from(ticket)
    altered[at]! ^= 0x10
    assert.equal(keys.open(altered, START), undefined, String(at))
  }
  assert.equal(keys.open(ticket.subarray(1), START), undefined)
  assert.equal(create([], 'others').keys.open(ticket, START), undefined)
})

test('makes a new key every seven days, and keeps the one before it', () => {
  const { keys, rotations } = create()
  const first = keys.issue(START).ticket
  keys.rotate(START + TICKET_LIFE_MS - 1)
  assert.equal(rotations.length, 1)
  const late = keys.issue(START + TICKET_LIFE_MS - HOUR).ticket
  const second = keys.issue(START + TICKET_LIFE_MS).ticket
  assert.deepEqual(
    rotations.map((each) => each.map(({ createdAt }) => createdAt - START)),
    [[0], [TICKET_LIFE_MS, 0]],
  )
  assert.equal(keys.open(first, START + TICKET_LIFE_MS), undefined, 'expired')
  assert.ok(keys.open(late, START + TICKET_LIFE_MS + HOUR), 'of the key before')
  keys.rotate(START + 2 * TICKET_LIFE_MS)
  assert.deepEqual(
    rotations[2]!.map(({ createdAt }) => createdAt - START),
    [2 * TICKET_LIFE_MS, TICKET_LIFE_MS],
  )
  assert.equal(keys.open(late, START + TICKET_LIFE_MS + HOUR), undefined, 'two keys ago')
  assert.ok(keys.open(second, START + 2 * TICKET_LIFE_MS - 1))
})

test('goes on with stored keys', () => {
  const { keys, rotations } = create()
  const { ticket, masterKey } = keys.issue(START)
  const again = create(rotations[0], 'restart')
  assert.deepEqual(again.keys.open(ticket, START + HOUR)?.masterKey, masterKey)
  again.keys.issue(START + HOUR)
  assert.equal(again.rotations.length, 0)
})

test('opens nothing that was issued under another password', () => {
  const { keys, rotations } = create()
  const { ticket } = keys.issue(START)
  const changed = create(rotations[0], 'restart', Buffer.alloc(20, 2))
  assert.equal(changed.keys.open(ticket, START), undefined)
  assert.ok(create(rotations[0], 'restart').keys.open(ticket, START))
})

test('does not trust a clock that was ahead: neither key nor ticket of then outlives it', () => {
  const { keys, rotations } = create()
  const { ticket } = keys.issue(START + 30 * 24 * HOUR)
  assert.equal(keys.open(ticket, START), undefined)
  keys.rotate(START)
  assert.equal(rotations.length, 2)
  const slightly = keys.issue(START + HOUR).ticket
  assert.ok(keys.open(slightly, START))
})
