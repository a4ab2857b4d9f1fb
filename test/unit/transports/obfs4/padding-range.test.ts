import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { importX25519PrivateKey } from '../../../../src/crypto/x25519.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { ClientHandshake } from '../../../../src/transports/obfs4/handshake-client.ts'
import { answerHello } from '../../../../src/transports/obfs4/handshake-server.ts'
import { HandshakeMac, makeSessionKeyPair } from '../../../../src/transports/obfs4/handshake.ts'
import { createUniformPadding } from '../../../../src/transports/obfs4/padding.ts'
import type { Random } from '../../../../src/util/random.ts'
import { hex, vectors } from '../../crypto/vectors.ts'

const DRAW_COUNT = 600
const epochHour = Number(vectors.handshake.epochHour)
const bridge = { nodeId: hex(vectors.identity.nodeId), publicKey: hex(vectors.identity.public) }
const key = { ...bridge, privateKey: importX25519PrivateKey(hex(vectors.identity.private)) }
const mac = new HandshakeMac(bridge)
const keyPair = makeSessionKeyPair(new SeededRandom('padding range'))
/** One representative answers for all: answerHello() looks at nothing else of a hello. */
const hello = { representative: keyPair.representative, mac: Buffer.alloc(16), epochHour }

const makeHello = (random: Random): Buffer =>
  new ClientHandshake({ bridge, keyPair, padding: createUniformPadding(random), epochHour, random }).hello()
const makeAnswer = (random: Random): Buffer => answerHello(hello, { key, keyPair, mac, random })!.message

/** The wire facts: what is fixed around the padding, and the padding's range, in bytes. */
const MESSAGES = {
  'the hello': { make: makeHello, before: 32, after: 32, least: 77, most: 8128 },
  'the answer': { make: makeAnswer, before: 64, after: 32, least: 0, most: 8051 },
} as const

/** Makes uniformInteger() draw the integer `value` above its least. */
function drawing(value: number): Random {
  return {
    fill(target) {
      target.fill(0)
      if (target.length === 4) target.set([value & 0xff, value >> 8])
      return target
    },
  }
}

for (const [name, { make, before, after, least, most }] of Object.entries(MESSAGES)) {
  describe(`the padding of ${name}`, () => {
    const padOf = (message: Buffer): Buffer => message.subarray(before, message.length - after)

    test(`has ${least} to ${most} bytes, both reached`, () => {
      assert.equal(padOf(make(drawing(0))).length, least)
      assert.equal(padOf(make(drawing(most - least))).length, most)
      // One more is the least again.
      assert.equal(padOf(make(drawing(most - least + 1))).length, least)
    })

    test('has lengths spread evenly over that range, and bytes without a pattern', () => {
      const random = new SeededRandom(`lengths of ${name}`)
      const pads = Array.from({ length: DRAW_COUNT }, () => padOf(make(random)))
      const quarters = [0, 0, 0, 0]
      for (const { length } of pads)
        quarters[Math.min(3, Math.floor((4 * (length - least)) / (most - least + 1)))]! += 1
      // Four standard deviations of a binomial with p = 1/4.
      const spread = 4 * Math.sqrt((DRAW_COUNT * 3) / 16)
      for (const count of quarters) assert.ok(Math.abs(count - DRAW_COUNT / 4) < spread, quarters.join())

      const bytes = Buffer.concat(pads)
      const counts = Array.from({ length: 256 }, () => 0)
      for (const byte of bytes) counts[byte]! += 1
      const expected = bytes.length / 256
      const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
      // 255 degrees of freedom: mean 255, standard deviation 22.6.
      assert.ok(chiSquare > 165 && chiSquare < 345, `chi-square ${chiSquare}`)
    })
  })
}
