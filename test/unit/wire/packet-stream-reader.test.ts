import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import type { PacketFraming } from '../../../src/core/packet-framing.ts'
import { lengthPrefixFraming } from '../../../src/wire/length-prefix.ts'
import { stunFraming } from '../../../src/wire/stun.ts'
import { hex, piecesOf, readStream } from './framing-laws.ts'

/** The longest packet of a framing, on the stream. */
const LONGEST: readonly (readonly [PacketFraming, Buffer])[] = [
  [lengthPrefixFraming, Buffer.concat([hex('fff7'), Buffer.alloc(65_527, 1)])],
  [stunFraming, Buffer.concat([hex('4000fff3'), Buffer.alloc(65_524, 1)])],
]

/** Lengths of the buffers that an action takes from memory. */
function allocations(action: () => void): number[] {
  const lengths: number[] = []
  const method = mock.method(Buffer, 'allocUnsafe', (length: number) => {
    lengths.push(length)
    return Buffer.allocUnsafeSlow(length)
  })
  try {
    action()
  } finally {
    method.mock.restore()
  }
  return lengths
}

for (const [framing, stream] of LONGEST) {
  test(`${framing.name}: takes memory once for a packet of 65,527 bytes that comes byte by byte`, () => {
    let count = 0
    const lengths = allocations(() => {
      count = readStream(framing, piecesOf(stream, 1)).packets.length
    })
    assert.equal(count, 1)
    assert.deepEqual(lengths, [65_527])
  })

  test(`${framing.name}: takes no memory for a packet that is too long`, () => {
    const tooLong = Buffer.from(stream)
    tooLong.writeUInt16BE(0xffff, framing.name === 'stun' ? 2 : 0)
    const lengths = allocations(() => {
      const { skipped, pendingLength } = readStream(framing, piecesOf(tooLong, 1000))
      assert.equal(skipped, 1)
      assert.equal(pendingLength, tooLong.length)
    })
    assert.deepEqual(lengths, [])
  })

  test(`${framing.name}: a packet does not keep the read it came in alive`, () => {
    const packet = framing.name === 'stun' ? hex('40010400') : hex('0400')
    const frame = Buffer.concat([packet, Buffer.alloc(1024)])
    const { packets } = framing.reader().receive(Buffer.concat(Array.from({ length: 60 }, () => frame)))
    assert.equal(packets.length, 60)
    for (const { buffer } of packets) assert.ok(buffer.byteLength <= Buffer.poolSize)
  })
}

test('readers of one framing know nothing of each other', () => {
  const [first, second] = [lengthPrefixFraming.reader(), lengthPrefixFraming.reader()]
  assert.deepEqual(first.receive(hex('0002 aa')).packets, [])
  assert.deepEqual(second.receive(hex('0001 bb')).packets, [hex('bb')])
  assert.deepEqual(first.receive(hex('cc')).packets, [hex('aacc')])
})
