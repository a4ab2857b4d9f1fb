import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { PacketFraming } from '../../src/core/packet-framing.ts'
import { lengthPrefixFraming } from '../../src/wire/length-prefix.ts'
import { stunFraming } from '../../src/wire/stun.ts'
import { bytes, chop, choppings, fuzz, mutate, mutations } from '../support/fuzz.ts'
import { type Reading, readStream } from '../unit/wire/framing-laws.ts'

const MAX_PACKET_LENGTH = 65_527

/** Where the frame at the beginning of `rest` has its packet and where it ends; undefined when its head is not whole. */
type Measure = (
  rest: Buffer,
) => { readonly from: number; readonly to: number; readonly end: number } | 'fault' | undefined

const measureLengthPrefix: Measure = (rest) => {
  if (rest.length < 2) return undefined
  const end = 2 + rest.readUInt16BE()
  return { from: 2, to: end, end }
}

const measureStun: Measure = (rest) => {
  if (rest.length < 4) return undefined
  const type = rest.readUInt16BE()
  const length = rest.readUInt16BE(2)
  if (type < 0x4000) return length % 4 > 0 ? 'fault' : { from: 0, to: 20 + length, end: 20 + length }
  return type < 0x8000 ? { from: 0, to: 4 + length, end: 4 + Math.ceil(length / 4) * 4 } : 'fault'
}

/** Reads a whole stream frame by frame, as the specification tells it. */
function readPlainly(measure: Measure, stream: Buffer): Omit<Reading, 'fault'> & { readonly faulty: boolean } {
  const packets: Buffer[] = []
  let skipped = 0
  let rest = stream
  while (rest.length > 0) {
    const frame = measure(rest)
    if (frame === 'fault') return { packets, skipped, faulty: true, pendingLength: 0 }
    if (frame === undefined) break
    const { from, to, end } = frame
    const tooLong = to - from > MAX_PACKET_LENGTH
    if (tooLong) skipped += 1
    if (to > rest.length) break
    if (!tooLong) packets.push(rest.subarray(from, to))
    rest = rest.subarray(end)
  }
  return { packets, skipped, faulty: false, pendingLength: rest.length }
}

const filled = (length: number, value: number): Buffer => Buffer.alloc(length, value)
const anyPacket = fc.oneof(
  { weight: 6, arbitrary: bytes(64) },
  { weight: 2, arbitrary: fc.tuple(fc.nat(3000), fc.nat(255)).map(([length, value]) => filled(length, value)) },
  { weight: 1, arbitrary: fc.constantFrom(65_507, 65_526, MAX_PACKET_LENGTH).map((length) => filled(length, 9)) },
)

/** A header and `rest` with the length of the rest at 2. */
function withLength(type: number, header: Buffer, rest: Buffer): Buffer {
  header.writeUInt16BE(type)
  header.writeUInt16BE(rest.length, 2)
  return Buffer.concat([header, rest])
}

const stunMessage = fc
  .tuple(fc.nat(0x3fff), anyPacket)
  .map(([type, rest]) => withLength(type, filled(20, 5), rest.subarray(0, Math.min(rest.length, 65_504) & ~3)))
const channelData = fc
  .tuple(fc.integer({ min: 0x4000, max: 0x7fff }), anyPacket)
  .map(([channel, data]) => withLength(channel, filled(4, 0), data.subarray(0, 65_523)))

/** Frames that are well-formed and too long. */
const tooLong: Readonly<Record<PacketFraming['name'], fc.Arbitrary<Buffer>>> = {
  'length-prefix': fc.integer({ min: 65_528, max: 65_535 }).map((length) => {
    const frame = filled(2 + length, 3)
    frame.writeUInt16BE(length)
    return frame
  }),
  stun: fc.oneof(
    fc.constantFrom(65_508, 65_532).map((length) => withLength(1, filled(20, 5), filled(length, 3))),
    fc.integer({ min: 65_524, max: 65_535 }).map((length) => {
      const frame = withLength(0x4001, filled(4, 0), filled(length, 3))
      return Buffer.concat([frame, filled(-frame.length & 3, 0)])
    }),
  ),
}

const FRAMINGS: readonly (readonly [PacketFraming, Measure, fc.Arbitrary<Buffer>])[] = [
  [lengthPrefixFraming, measureLengthPrefix, anyPacket],
  [stunFraming, measureStun, fc.oneof(stunMessage, channelData)],
]

const frameOf = (framing: PacketFraming, packet: Uint8Array): Buffer => {
  const frame = framing.frame(packet)
  assert.ok(typeof frame !== 'string', `${framing.name} says ${String(frame)}`)
  return frame
}

for (const [framing, measure, packet] of FRAMINGS) {
  fuzz(
    `${framing.name}: packets that are framed are read back the same, in any chopping`,
    fc.record({ packets: fc.array(packet, { maxLength: 8 }), chopping: choppings }),
    ({ packets, chopping }) => {
      const stream = Buffer.concat(packets.map((each) => frameOf(framing, each)))
      assert.deepEqual(readStream(framing, chop(stream, chopping)), {
        packets,
        skipped: 0,
        fault: undefined,
        pendingLength: 0,
      })
    },
    { share: 0.3 },
  )

  fuzz(
    `${framing.name}: good, overlong, mutated and random streams give in any chopping what a plain reader finds`,
    fc.record({
      frames: fc.array(
        fc.oneof(
          { weight: 9, arbitrary: packet.map((each) => frameOf(framing, each)) },
          { weight: 1, arbitrary: tooLong[framing.name] },
        ),
        { maxLength: 6 },
      ),
      mutation: mutations,
      noise: bytes(300),
      choppings: fc.tuple(choppings, choppings, fc.constant([1])),
    }),
    ({ frames, mutation, noise, choppings: three }) => {
      const good = Buffer.concat(frames)
      const stream = Buffer.concat([mutate(good, mutation), noise])
      const { faulty, pendingLength, ...expected } = readPlainly(measure, stream)
      for (const chopping of stream.length < 5000 ? three : three.slice(0, 2)) {
        const { fault, pendingLength: pending, ...reading } = readStream(framing, chop(stream, chopping))
        assert.deepEqual(reading, expected)
        assert.equal(fault !== undefined, faulty)
        if (!faulty) assert.equal(pending, pendingLength)
      }
    },
    { share: 0.5 },
  )

  fuzz(
    `${framing.name}: at no time is more held than a packet that is not whole`,
    fc.record({ stream: fc.oneof(bytes(400), packet), repeats: fc.nat(8), chopping: choppings }),
    ({ stream, repeats, chopping }) => {
      const reader = framing.reader()
      let given = 0
      let taken = 0
      for (const piece of chop(Buffer.concat(Array.from({ length: repeats }, () => stream)), chopping)) {
        const { packets, fault } = reader.receive(piece)
        if (fault !== undefined) break
        given += piece.length
        for (const { length } of packets) taken += length
        assert.ok(reader.pendingLength <= given - taken)
        assert.ok(reader.pendingLength < 20 + 65_536)
      }
    },
    { share: 0.1 },
  )

  fuzz(
    `${framing.name}: any packet gets a frame that is read as that packet alone, or is refused`,
    fc.oneof(
      fc.tuple(packet, mutations).map(([good, mutation]) => mutate(good, mutation)),
      fc.tuple(packet, bytes(5)).map((parts) => Buffer.concat(parts)),
      bytes(40),
      anyPacket,
    ),
    (any) => {
      const frame = framing.frame(any)
      if (any.length > MAX_PACKET_LENGTH) return assert.equal(frame, 'too-long')
      const prefix = Buffer.of(any.length >> 8, any.length & 0xff)
      const carried = framing.name === 'stun' ? any : Buffer.concat([prefix, any])
      const measured = measure(carried)
      if (typeof measured !== 'object' || carried.length < measured.to || carried.length > measured.end)
        return assert.equal(frame, 'malformed')
      assert.ok(typeof frame !== 'string')
      const { packets, pendingLength } = readStream(framing, [frame])
      assert.deepEqual(packets, [carried.subarray(measured.from, measured.to)])
      assert.equal(pendingLength, 0)
      assert.equal(frame.length, measured.end)
      assert.ok(frame.subarray(frame.length - (measured.end - measured.to)).every((byte) => byte === 0))
    },
    { share: 0.1 },
  )
}
