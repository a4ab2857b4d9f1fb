import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uniformDhKeyPairOf } from '../../../../src/crypto/uniform-dh.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import type { Random } from '../../../../src/util/random.ts'
import {
  HandshakeMac,
  MarkSearch,
  agreeOnKeys,
  deriveSessionKeys,
  makeMessage,
  ticketMac,
} from '../../../../src/transports/scramblesuit/handshake.ts'
import { hex } from '../../crypto/vectors.ts'
import { vectors } from './vectors.ts'

const { uniformDh, ticketHandshake, epochHour } = vectors
const mac = new HandshakeMac(hex(vectors.secret))

/** Draws the padding of the vectors: its length first, then its bytes. */
const vectorRandom = (): Random => {
  const draws = [Buffer.from([7, 0, 0, 0]), hex(vectors.padding)]
  return { fill: (target) => (target.set(draws.shift()!), target) }
}

test('makes the message of the vectors', () => {
  const message = makeMessage(hex(uniformDh.publicX), mac, epochHour, vectorRandom())
  assert.equal(message.toString('hex'), vectors.clientMessage)
})

test("derives the vectors' keys from the two values, and wipes the private key", () => {
  const keyPair = uniformDhKeyPairOf(hex(uniformDh.privateX))
  const keys = agreeOnKeys(keyPair, hex(uniformDh.publicY))!
  const all = hex(vectors.sessionKeys)
  assert.deepEqual(keys.clientToServer, Buffer.concat([all.subarray(0, 40), all.subarray(80, 112)]))
  assert.deepEqual(keys.serverToClient, Buffer.concat([all.subarray(40, 80), all.subarray(112)]))
  assert.deepEqual(keys, deriveSessionKeys(hex(vectors.masterKey)))
  assert.deepEqual(keyPair.privateKey, Buffer.alloc(192))
})

test('makes the ticket handshake of the vectors', () => {
  const keys = deriveSessionKeys(hex(ticketHandshake.masterKey))
  assert.equal(keys.clientToServer.toString('hex', 40), ticketHandshake.hmacKey)
  const message = makeMessage(hex(ticketHandshake.ticket), ticketMac(keys), epochHour, vectorRandom())
  assert.equal(message.toString('hex'), ticketHandshake.message)
})

test('verifies a MAC of the hours E-1 to E+1 alone, and tells which', () => {
  const message = Buffer.from('message')
  for (const distance of [-2, -1, 0, 1, 2]) {
    const found = mac.verify(message, mac.mac(message, epochHour + distance), epochHour)
    assert.equal(found, Math.abs(distance) < 2 ? epochHour + distance : undefined)
  }
})

test('finds the end of a message in whatever chopping, and in no other place', () => {
  const random = new SeededRandom('marks')
  const beginning = random.fill(Buffer.alloc(192))
  for (let round = 0; round < 50; round++) {
    const message = makeMessage(beginning, mac, epochHour, random)
    assert.ok(message.length >= 224 && message.length <= 1532)
    const search = new MarkSearch(mac, 192)
    for (let length = 1; length < message.length; length += 1 + (round % 40)) {
      assert.equal(search.find(message.subarray(0, length)), undefined)
    }
    assert.equal(search.find(Buffer.concat([message, Buffer.alloc(9)])), message.length)
  }
})

test('looks for a mark no further than the longest message has it', () => {
  const beginning = Buffer.alloc(192, 3)
  const messageOf = (padding: number) =>
    Buffer.concat([beginning, Buffer.alloc(padding), mac.mark(beginning), Buffer.alloc(16)])
  assert.equal(new MarkSearch(mac, 192).find(messageOf(1308)), 1532)
  assert.equal(new MarkSearch(mac, 192).find(messageOf(1309)), undefined)
})
