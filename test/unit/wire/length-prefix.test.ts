import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PacketFault } from '../../../src/core/packet-framing.ts'
import { lengthPrefixFraming } from '../../../src/wire/length-prefix.ts'
import { assertReads, hex, piecesOf, readStream } from './framing-laws.ts'

const frame = (packet: Uint8Array): Buffer | PacketFault => lengthPrefixFraming.frame(packet)

test('puts the length before a packet, the higher byte first', () => {
  assert.deepEqual(frame(hex('')), hex('0000'))
  assert.deepEqual(frame(hex('ff')), hex('0001 ff'))
  assert.deepEqual(frame(new Uint8Array([1, 2, 3])), hex('0003 010203'))
  assert.deepEqual((frame(Buffer.alloc(0x0102)) as Buffer).subarray(0, 3), hex('0102 00'))
})

test('reads packets of any content, empty ones too', () => {
  assertReads(lengthPrefixFraming, hex('0003 010203 0000 0000 0001 ff 0004 00000000 0000'), [
    hex('010203'),
    hex(''),
    hex(''),
    hex('ff'),
    hex('00000000'),
    hex(''),
  ])
})

test('carries 65,527 bytes and says of one more that it is too long', () => {
  const longest = Buffer.alloc(65_527, 'abc')
  const stream = frame(longest) as Buffer
  assert.deepEqual(stream.subarray(0, 2), hex('fff7'))
  assert.deepEqual(readStream(lengthPrefixFraming, piecesOf(stream, 1000)).packets, [longest])
  assert.equal(frame(Buffer.alloc(65_528)), 'too-long')
  assert.equal(frame(Buffer.alloc(70_000)), 'too-long')
})

for (const length of [65_528, 65_535]) {
  test(`passes over a frame of ${length} bytes, counts it, and goes on`, () => {
    const tooLong = Buffer.alloc(2 + length, 1)
    tooLong.writeUInt16BE(length)
    const stream = Buffer.concat([hex('0001 aa'), tooLong, hex('0001 bb'), tooLong, hex('0001 cc')])
    for (const pieceLength of [1, 2, 3, 7, 1000, 65_536, stream.length]) {
      assert.deepEqual(readStream(lengthPrefixFraming, piecesOf(stream, pieceLength)), {
        packets: [hex('aa'), hex('bb'), hex('cc')],
        skipped: 2,
        fault: undefined,
        pendingLength: 0,
      })
    }
  })
}

test('tells how much of a packet there is when the stream ends within one', () => {
  const pending = (stream: Buffer): number => readStream(lengthPrefixFraming, [stream]).pendingLength
  assert.equal(pending(hex('')), 0)
  assert.equal(pending(hex('0001 aa')), 0)
  assert.equal(pending(hex('0001 aa 00')), 1)
  assert.equal(pending(hex('0003')), 2)
  assert.equal(pending(hex('0003 aabb')), 4)
  assert.equal(pending(hex('ffff')), 2)
  assert.equal(pending(hex('ffff aabb')), 4)
})
