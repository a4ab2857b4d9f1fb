import assert from 'node:assert/strict'
import fc from 'fast-check'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { deriveSessionKeys, epochHourOf, makeMessage, ticketMac } from '../../src/transports/scramblesuit/handshake.ts'
import { HelloReader } from '../../src/transports/scramblesuit/handshake-server.ts'
import { PacketDecoder } from '../../src/transports/scramblesuit/packet-decoder.ts'
import { PacketEncoder } from '../../src/transports/scramblesuit/packet-encoder.ts'
import { parsePassword, formatPassword } from '../../src/transports/scramblesuit/password.ts'
import { ServerCodec } from '../../src/transports/scramblesuit/server-codec.ts'
import { perform, wireOf } from '../support/codec-steps.ts'
import { bytes, chop, choppings, fuzz, mutate, mutations } from '../support/fuzz.ts'
import { createTestBridge, createTestClient, testKeyPair } from '../support/scramblesuit-bridge.ts'

const bridge = createTestBridge()
const random = new SeededRandom('fuzz')
const now = bridge.clock.now()
const arrival = { now, epochHour: epochHourOf(now) }

const inputs = fc.record({
  mutation: mutations,
  noise: fc.oneof(
    fc.constant(Buffer.alloc(0)),
    bytes(600),
    fc.integer({ min: 1_400, max: 5_000 }).map((length) => Buffer.alloc(length, 3)),
  ),
  kind: fc.constantFrom('uniform-dh' as const, 'ticket' as const, 'noise' as const),
  chopping: choppings,
})

function helloOf(kind: 'uniform-dh' | 'ticket'): Buffer {
  if (kind === 'uniform-dh') return makeMessage(testKeyPair(1).publicValue, bridge.mac, arrival.epochHour, random)
  const { ticket, masterKey } = bridge.ticketKeys.issue(now)
  return makeMessage(ticket, ticketMac(deriveSessionKeys(masterKey)), arrival.epochHour, random)
}

fuzz(
  "a ScrambleSuit server's reader recognises nothing but a whole message, and hands on what follows it",
  inputs,
  ({ mutation, noise, kind, chopping }) => {
    const hello = kind === 'noise' ? undefined : helloOf(kind)
    const message = hello === undefined ? noise : mutate(hello, mutation)
    const received = hello === undefined ? noise : Buffer.concat([message, noise])
    const reader = new HelloReader(bridge.mac, bridge.ticketKeys)
    let last: ReturnType<HelloReader['receive']> = 'incomplete'
    let taken = 0
    for (const piece of chop(received, chopping)) {
      last = reader.receive(piece, arrival)
      taken += piece.length
      if (last !== 'incomplete') break
    }
    if (typeof last === 'object') {
      assert.equal(last.kind, kind)
      assert.deepEqual(received.subarray(0, hello!.length), hello)
      assert.deepEqual(last.rest, received.subarray(hello!.length, taken))
    } else if (hello !== undefined) assert.notDeepEqual(received.subarray(0, hello.length), hello)
    if (received.length > 1532) assert.notEqual(last, 'incomplete')
  },
  { share: 0.5 },
)

const key = deriveSessionKeys(Buffer.alloc(32, 1)).clientToServer

/** A bridge that is replaced before its filters are full. */
const EXAMPLES_PER_BRIDGE = 20_000
let exampleCount = 0
let pairBridge = bridge
/** Hellos that the bridge has answered. */
const seen = new Set<string>()

fuzz(
  'ScrambleSuit packets open as they were sealed, up to the first alteration, and a decoder never throws',
  fc.record({
    writes: fc.array(
      fc.record({
        chunks: fc.array(bytes(4_000), { maxLength: 3 }),
        padding: fc.array(fc.nat(1427), { maxLength: 2 }),
      }),
      { minLength: 1, maxLength: 5 },
    ),
    mutation: mutations,
    chopping: choppings,
  }),
  ({ writes, mutation, chopping }) => {
    const encoder = new PacketEncoder(key)
    const wire = Buffer.concat(writes.map(({ chunks, padding }) => encoder.encode(chunks, padding)))
    const sent = Buffer.concat(writes.flatMap(({ chunks }) => chunks))
    const received = mutate(wire, mutation)
    const decoder = new PacketDecoder(key)
    const data: Buffer[] = []
    for (const piece of chop(received, chopping)) {
      const before = Buffer.from(piece)
      const step = decoder.decode(piece)
      assert.deepEqual(piece, before, 'bytes that are received are not written to')
      if (step.data !== undefined) data.push(step.data)
    }
    const opened = Buffer.concat(data)
    assert.ok(sent.subarray(0, opened.length).equals(opened), 'what comes out was sent')
    if (received.equals(wire)) assert.ok(opened.equals(sent) && !decoder.partial)
  },
  { share: 0.5 },
)

fuzz(
  'a ScrambleSuit client and server open with each other alone, however the wire is cut, by UniformDH or a ticket',
  fc.record({
    byTicket: fc.boolean(),
    words: fc.array(bytes(3_000), { maxLength: 4 }),
    answers: fc.array(bytes(3_000), { maxLength: 4 }),
    flip: fc.option(fc.record({ at: fc.nat(4_000), mask: fc.integer({ min: 1, max: 255 }) })),
    chopping: choppings,
  }),
  async ({ byTicket, words, answers, flip, chopping }) => {
    if (exampleCount++ % EXAMPLES_PER_BRIDGE === 0) {
      pairBridge = createTestBridge({ seed: exampleCount })
      seen.clear()
    }
    const ticket = byTicket ? pairBridge.ticketKeys.issue(now) : undefined
    const client = createTestClient(pairBridge, { ticket })
    const server = new ServerCodec(pairBridge)
    server.start()
    const hello = wireOf(await perform(client.codec, client.codec.start()))
    const altered = Buffer.from(hello)
    if (flip !== null && flip.at < altered.length) altered[flip.at]! ^= flip.mask
    let reply: Buffer = Buffer.alloc(0)
    let established = false
    for (const piece of chop(altered, chopping)) {
      const step = server.receive(piece)
      const settled = step.pending === undefined ? step : await perform(server, step)
      established ||= settled.established === true
      reply = Buffer.concat([reply, wireOf(settled)])
    }
    // With four key pairs a hello without padding may come again: a replay.
    const isFresh = !seen.has(hello.toString('latin1'))
    assert.equal(established, altered.equals(hello) && isFresh)
    if (established) seen.add(hello.toString('latin1'))
    if (!established) {
      assert.equal(reply.length, 0, 'nothing goes out to whom it did not recognise')
      return
    }
    reply = Buffer.concat([reply, ...answers.map((answer) => wireOf(server.send([answer])))])
    const heard: Uint8Array[] = []
    let opened = 0
    for (const piece of chop(reply, chopping)) {
      const { data, established: opens, close } = client.codec.receive(piece)
      assert.equal(close, undefined)
      if (opens === true) opened += 1
      if (data !== undefined) heard.push(data)
    }
    assert.equal(opened, 1)
    assert.ok(Buffer.concat(heard).equals(Buffer.concat(answers)))
    const { data = Buffer.alloc(0), close } = server.receive(
      Buffer.concat([
        wireOf(client.codec.send([Buffer.from('!')])),
        ...words.map((word) => wireOf(client.codec.send([word]))),
      ]),
    )
    assert.equal(close, undefined)
    assert.ok(Buffer.from(data).equals(Buffer.concat([Buffer.from('!'), ...words])))
  },
  { share: 0.5 },
)

fuzz(
  'a password is read back as it was printed, and any other text is none or means one',
  fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.string({
      unit: fc.constantFrom('a', 'b', 'z', 'A', 'Z', '0', '1', '2', '7', '=', '8', ' '),
      minLength: 32,
      maxLength: 32,
    }),
  ),
  (text) => {
    const secret = parsePassword(text)
    if (secret !== undefined) assert.deepEqual(parsePassword(formatPassword(secret)), secret)
  },
  { share: 0.2 },
)
