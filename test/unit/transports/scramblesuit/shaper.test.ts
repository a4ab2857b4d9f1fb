import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { PacketDecoder } from '../../../../src/transports/scramblesuit/packet-decoder.ts'
import { PacketEncoder } from '../../../../src/transports/scramblesuit/packet-encoder.ts'
import { Shaper, burstPadding, drawLengths } from '../../../../src/transports/scramblesuit/shaper.ts'

const sum = (padding: readonly number[]): number => padding.reduce((total, count) => total + count + 21, 0)

test('padding brings a burst to its target in one packet, or two where one would be too short or too long', () => {
  assert.deepEqual(burstPadding(100, 200), [79])
  assert.deepEqual(burstPadding(100, 121), [0])
  assert.deepEqual(burstPadding(100, 50), [1448 - 50 - 21])
  assert.deepEqual(burstPadding(1448 * 3, 1448), [1427])
  assert.deepEqual(burstPadding(100, 100), [1427])
  assert.deepEqual(burstPadding(100, 120), [679, 1448 + 20 - 700 - 21])
  for (let tail = 0; tail < 1448; tail += 13) {
    for (let target = 21; target <= 1448; target += 7) {
      const padding = burstPadding(2 * 1448 + tail, target)
      assert.ok(padding.every((count) => count >= 0 && count <= 1427))
      assert.equal((tail + sum(padding)) % 1448, target % 1448)
    }
  }
})

test('bursts end at lengths of the table alone, which another seed changes', () => {
  const random = new SeededRandom('shaper')
  const key = Buffer.alloc(72, 1)
  const shaper = new Shaper(new PacketEncoder(key), () => drawLengths(Buffer.alloc(32, 1)), random)
  const decoder = new PacketDecoder(key)
  for (const seed of [Buffer.alloc(32, 2), Buffer.alloc(32, 3)]) {
    shaper.lengths = drawLengths(seed)
    const tails = new Set(shaper.lengths.values.map((length) => length % 1448))
    for (let round = 0; round < 60; round++) {
      const chunks = round % 10 === 0 ? [] : [random.fill(Buffer.alloc(50 * round))]
      const burst = round % 7 === 0 ? shaper.shapePacket(4, Buffer.alloc(32)) : shaper.shape(chunks)
      assert.ok(tails.has(burst.length % 1448), `a burst of ${burst.length} bytes`)
      assert.equal(decoder.decode(burst).error, undefined)
    }
  }
})

test('a table has 1 to 100 lengths of 21 to 1,448 bytes, and follows from 24 bytes of the seed', () => {
  for (let index = 0; index < 50; index++) {
    const { values } = drawLengths(Buffer.alloc(32, index))
    assert.ok(values.length >= 1 && values.length <= 100)
    assert.ok(values.every((length) => length >= 21 && length <= 1448))
  }
  const seed = Buffer.alloc(32, 7)
  const other = Buffer.from(seed).fill(9, 24)
  assert.deepEqual(drawLengths(seed).values, drawLengths(other).values)
})
