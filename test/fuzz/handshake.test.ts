import assert from 'node:assert/strict'
import fc from 'fast-check'
import { fieldKernel } from '../../src/crypto/field-kernel.ts'
import { referenceElligator2 } from '../../src/crypto/elligator2-reference.ts'
import { representativeToPublicKey } from '../../src/crypto/elligator2.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { HelloReader, answerHello } from '../../src/transports/obfs4/handshake-server.ts'
import { epochHourOf, makeSessionKeyPair } from '../../src/transports/obfs4/handshake.ts'
import { bytes, chop, choppings, fuzz, mutate, mutations } from '../support/fuzz.ts'
import { createTestBridge, knowingClient } from '../support/obfs4-bridge.ts'

const bridge = createTestBridge()
const random = new SeededRandom('fuzz')
const hour = epochHourOf(bridge.clock.now())
const keyPair = makeSessionKeyPair(random)

/** Client handshakes that began, to be used again: a key pair takes a millisecond. */
function beginClient() {
  const client = knowingClient(bridge)
  const hello = new HelloReader(bridge.mac).receive(client.hello(), hour)
  assert.ok(typeof hello === 'object')
  const answer = answerHello(hello, { key: bridge.key, keyPair, mac: bridge.mac, random })!
  return { client, answer: answer.message }
}

const inputs = fc.record({
  mutation: mutations,
  noise: fc.oneof(
    fc.constant(Buffer.alloc(0)),
    bytes(600),
    fc.integer({ min: 7000, max: 20_000 }).map((length) => Buffer.alloc(length, 3)),
  ),
  knows: fc.boolean(),
  chopping: choppings,
})

fuzz(
  "a client's handshake ends with keys for the right answer alone, and never throws",
  inputs,
  ({ mutation, noise, knows, chopping }) => {
    const { client, answer } = beginClient()
    const message = knows ? mutate(answer, mutation) : noise
    const received = Buffer.concat([message, knows ? noise : Buffer.alloc(0)])
    let states = ''
    for (const piece of chop(received, chopping)) {
      const progress = client.receive(piece)
      states += `${progress.state} `
      if (progress.state === 'done') {
        assert.equal(progress.keys.length, 144)
        assert.deepEqual(message.subarray(0, answer.length), answer)
      }
      if (progress.state !== 'incomplete') break
    }
    if (knows && message.subarray(0, answer.length).equals(answer)) assert.match(states, /done $/)
    else assert.doesNotMatch(states, /done/)
    if (received.length >= 8192 && !states.includes('done')) assert.match(states, /failed $/)
  },
  { share: 0.5 },
)

fuzz(
  "a server's reader recognises nothing but a whole hello, and never throws",
  inputs,
  ({ mutation, noise, knows, chopping }) => {
    const hello = knowingClient(bridge).hello()
    const received = knows ? mutate(hello, mutation) : noise
    const reader = new HelloReader(bridge.mac)
    let last: ReturnType<HelloReader['receive']> = 'incomplete'
    for (const piece of chop(received, chopping)) {
      last = reader.receive(piece, hour)
      if (last !== 'incomplete') break
    }
    if (knows && received.equals(hello)) assert.equal(typeof last, 'object')
    if (typeof last === 'object') assert.deepEqual(received.subarray(0, hello.length), hello)
    if (received.length > 8192) assert.notEqual(last, 'incomplete')
  },
  { share: 0.5 },
)

const edges = [0n, 1n, 2n, 2n ** 254n - 10n, 2n ** 254n - 9n, 2n ** 255n - 19n, 2n ** 255n - 1n, 2n ** 256n - 1n]

fuzz(
  'every string of 32 bytes decodes to a public key, the same with and without the kernel',
  fc.oneof(
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc.tuple(fc.constantFrom(...edges), fc.integer({ min: -2, max: 2 })).map(([edge, offset]) => {
      const value = BigInt.asUintN(256, edge + BigInt(offset))
      return Uint8Array.from(Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse())
    }),
  ),
  (representative) => {
    const decoded = representativeToPublicKey(representative)
    assert.equal(decoded.length, 32)
    assert.deepEqual(decoded, Buffer.from(referenceElligator2.representativeToPublicKey(representative)))
    if (fieldKernel() !== undefined) assert.ok(decoded[31]! < 128)
  },
  { share: 0.3 },
)
