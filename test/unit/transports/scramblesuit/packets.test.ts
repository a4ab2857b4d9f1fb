import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { PacketDecoder } from '../../../../src/transports/scramblesuit/packet-decoder.ts'
import { PacketEncoder } from '../../../../src/transports/scramblesuit/packet-encoder.ts'
import { encodedLength } from '../../../../src/transports/scramblesuit/packet-format.ts'
import { uniformInteger } from '../../../../src/util/random.ts'
import { deriveSessionKeys } from '../../../../src/transports/scramblesuit/handshake.ts'
import { hex } from '../../crypto/vectors.ts'
import { vectors } from './vectors.ts'

const { clientToServer, serverToClient } = deriveSessionKeys(hex(vectors.masterKey))
const random = new SeededRandom('packets')
const NOTHING = { packetCount: 0, data: undefined, ticket: undefined, seed: undefined, error: undefined }

test("opens and seals the vectors' packets", () => {
  const { data, error } = new PacketDecoder(clientToServer).decode(hex(vectors.clientPacket.wire))
  assert.deepEqual([String(data), error], ['hello', undefined])
  const { flag, payload, wire } = vectors.serverPacket
  assert.equal(new PacketEncoder(serverToClient).encodePacket(flag, hex(payload)).toString('hex'), wire)
  assert.deepEqual(new PacketDecoder(serverToClient).decode(hex(wire)).seed, hex(payload))
})

test('seals a write in packets of 1,448 bytes at most, and as many bytes as told', () => {
  const encoder = new PacketEncoder(clientToServer)
  for (const length of [1, 1426, 1427, 1428, 45 * 1427, 45 * 1427 + 1, 300_000]) {
    assert.equal(encoder.encode([Buffer.alloc(length)]).length, encodedLength(length))
    assert.equal(encoder.encode([Buffer.alloc(length)], [0, 1427]).length, encodedLength(length) + 21 + 1448)
  }
})

test('what is sealed opens, in whatever chopping, chunks and padding', () => {
  const encoder = new PacketEncoder(clientToServer)
  const decoder = new PacketDecoder(clientToServer)
  const sent: Buffer[] = []
  const received: Buffer[] = []
  let wire: Buffer = Buffer.alloc(0)
  for (let round = 0; round < 300; round++) {
    const lengths = Array.from({ length: uniformInteger(random, 0, 3) }, () =>
      uniformInteger(random, 0, round % 30 === 0 ? 90_000 : 2_000),
    )
    const chunks = lengths.map((length) => random.fill(Buffer.alloc(length)))
    sent.push(...chunks)
    wire = Buffer.concat([wire, encoder.encode(chunks, round % 3 === 0 ? [uniformInteger(random, 0, 1427)] : [])])
    while (wire.length > 0 && uniformInteger(random, 0, 3) > 0) {
      const piece = wire.subarray(0, uniformInteger(random, 1, round % 7 === 0 ? 200_000 : 900))
      const { data, error } = decoder.decode(piece)
      assert.equal(error, undefined)
      if (data !== undefined) received.push(data)
      wire = wire.subarray(piece.length)
    }
  }
  received.push(decoder.decode(wire).data ?? Buffer.alloc(0))
  assert.ok(Buffer.concat(received).equals(Buffer.concat(sent)))
  assert.equal(decoder.partial, false)
})

test('opens byte by byte, and tells whether a packet is under way', () => {
  const encoder = new PacketEncoder(clientToServer)
  const decoder = new PacketDecoder(clientToServer)
  const wire = encoder.encode([Buffer.from('one')], [5])
  const texts: string[] = []
  for (const [index, byte] of wire.entries()) {
    assert.equal(decoder.partial, index !== 0 && index !== 24)
    const { data } = decoder.decode(Buffer.of(byte))
    if (data !== undefined) texts.push(String(data))
  }
  assert.deepEqual(texts, ['one'])
  assert.equal(decoder.partial, false)
})

test('keeps nothing of what it was given', () => {
  const wire = new PacketEncoder(clientToServer).encode([Buffer.from('kept')])
  const decoder = new PacketDecoder(clientToServer)
  const first = Buffer.from(wire.subarray(0, 20))
  decoder.decode(first)
  first.fill(0)
  assert.equal(String(decoder.decode(wire.subarray(20)).data), 'kept')
})

describe('a decoder stops for good', () => {
  test('at a flipped bit anywhere, after what came before', () => {
    for (let at = 0; at < 30; at++) {
      const encoder = new PacketEncoder(clientToServer)
      const before = encoder.encode([Buffer.from('before')])
      const altered = encoder.encode([Buffer.alloc(9, 1)])
      const after = encoder.encode([Buffer.alloc(3_000)])
      altered[at]! ^= 1 << (at % 8)
      const decoder = new PacketDecoder(clientToServer)
      const { data, error } = decoder.decode(Buffer.concat([before, altered, after]))
      assert.equal(String(data), 'before')
      assert.ok(error === 'mac-mismatch' || error === 'header-invalid', `byte ${at}: ${error}`)
      assert.deepEqual(decoder.decode(before), { ...NOTHING, error })
    }
  })

  test('at lengths that no packet can have, before it waits for them', () => {
    const plain = new PacketEncoder(clientToServer).encode([], [0])
    // XOR on the encrypted header: 0, 0 becomes the lengths below.
    for (const [total, payload] of [
      [1428, 0],
      [0, 1],
      [65_535, 65_535],
    ] as const) {
      const wire = Buffer.from(plain)
      for (const [index, value] of [total >> 8, total & 0xff, payload >> 8, payload & 0xff].entries())
        wire[16 + index]! ^= value
      assert.equal(new PacketDecoder(clientToServer).decode(wire).error, 'header-invalid')
    }
  })
})

test('skips packets of unknown kinds and of wrong lengths', () => {
  const encoder = new PacketEncoder(serverToClient)
  const wire = [
    encoder.encodePacket(8, Buffer.from('unknown')),
    encoder.encodePacket(3, Buffer.from('two flags')),
    encoder.encodePacket(2, Buffer.alloc(143)),
    encoder.encodePacket(4, Buffer.alloc(31)),
    encoder.encodePacket(2, Buffer.alloc(144, 2)),
    encoder.encode([Buffer.from('data')]),
  ]
  assert.deepEqual(new PacketDecoder(serverToClient).decode(Buffer.concat(wire)), {
    packetCount: 6,
    data: Buffer.from('data'),
    ticket: Buffer.alloc(144, 2),
    seed: undefined,
    error: undefined,
  })
})

test('refuses keys, payloads and padding of other lengths', () => {
  assert.throws(() => new PacketEncoder(Buffer.alloc(71)), RangeError)
  assert.throws(() => new PacketDecoder(Buffer.alloc(73)), RangeError)
  const encoder = new PacketEncoder(clientToServer)
  for (const padding of [-1, 0.5, 1428]) assert.throws(() => encoder.encode([], [padding]), RangeError)
  assert.throws(() => encoder.encodePacket(1, Buffer.alloc(1428)), RangeError)
})
