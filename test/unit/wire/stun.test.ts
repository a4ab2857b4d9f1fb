import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import type { PacketFault } from '../../../src/core/packet-framing.ts'
import { stunFraming } from '../../../src/wire/stun.ts'
import { assertReads, hex, piecesOf, readStream } from './framing-laws.ts'

const frame = (packet: Uint8Array): Buffer | PacketFault => stunFraming.frame(packet)

// RFC 5769 §2.1, the sample request.
const REQUEST = hex(`
  00010058 2112a442 b7e7a701 bc34d686 fa87dfae
  80220010 5354554e 20746573 7420636c 69656e74 00240004 6e0001ff 80290008 932ff9b1 51263b36
  00060009 6576746a 3a683676 59202020 00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2 80280004 e57a3bcf`)
// RFC 5769 §2.2, the sample response over IPv4.
const RESPONSE = hex(`
  0101003c 2112a442 b7e7a701 bc34d686 fa87dfae
  8022000b 74657374 20766563 746f7220 00200008 0001a147 e112a643
  00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96`)
// RFC 3489 §11.1: a binding request whose 16 bytes after the length are all a transaction id.
const OLD_REQUEST = hex('00010000 0123456789abcdef0123456789abcdef')

/** A header of 20 bytes, or of 4, with a length field and as many bytes as it says. */
const message = (first: number, headerLength: number, length: number): Buffer => {
  const bytes = Buffer.alloc(headerLength + length, 7)
  bytes.writeUInt16BE(first)
  bytes.writeUInt16BE(length, 2)
  return bytes
}

test('carries STUN messages as they are, with the magic cookie and without', () => {
  for (const packet of [REQUEST, RESPONSE, OLD_REQUEST]) {
    assert.deepEqual(frame(packet), packet)
    assert.notEqual(frame(packet), packet)
  }
  assertReads(stunFraming, Buffer.concat([REQUEST, OLD_REQUEST, RESPONSE]), [REQUEST, OLD_REQUEST, RESPONSE])
})

test('pads ChannelData with zeros to a multiple of 4 bytes (RFC 8656 §12.5)', () => {
  assert.deepEqual(frame(hex('40000000')), hex('40000000'))
  assert.deepEqual(frame(hex('40010001 aa')), hex('40010001 aa000000'))
  assert.deepEqual(frame(hex('40010002 aabb')), hex('40010002 aabb0000'))
  assert.deepEqual(frame(hex('40010003 aabbcc')), hex('40010003 aabbcc00'))
  assert.deepEqual(frame(hex('4fff0004 aabbccdd')), hex('4fff0004 aabbccdd'))
})

test('pads with zeros even where memory held something else', () => {
  const method = mock.method(Buffer, 'allocUnsafe', (length: number) => Buffer.alloc(length, 0xff))
  try {
    assert.deepEqual(frame(hex('40010001 aa')), hex('40010001 aa000000'))
    assert.deepEqual(frame(hex('40010003 aabbcc ff')), hex('40010003 aabbcc00'))
  } finally {
    method.mock.restore()
  }
})

test('takes the padding of a datagram of ChannelData for what it is, whatever its bytes', () => {
  for (const padding of ['ff', 'ffff', 'ffffff'])
    assert.deepEqual(frame(hex(`40010001 aa ${padding}`)), hex('40010001 aa000000'))
  assert.deepEqual(frame(hex('40010003 aabbcc ff')), hex('40010003 aabbcc00'))
})

test('reads ChannelData among STUN messages, without its padding', () => {
  const packets = [
    hex('40010001 aa'),
    hex('40000000'),
    hex('40010002 aabb'),
    OLD_REQUEST,
    hex('4fff0003 aabbcc'),
    hex('40010004 aabbccdd'),
    hex('40000000'),
  ]
  assertReads(stunFraming, Buffer.concat(packets.map((packet) => frame(packet) as Buffer)), packets)
})

test('reads over padding of any bytes', () => {
  assertReads(stunFraming, hex('40010001 aa ffffff 40010001 bb 123456'), [hex('40010001 aa'), hex('40010001 bb')])
})

test('gives ChannelData before its padding is there, and a stream may end without it', () => {
  for (const stream of [hex('40010001 aa'), hex('40010001 aa 00'), hex('40010001 aa 0000')]) {
    const { packets, pendingLength } = readStream(stunFraming, [stream])
    assert.deepEqual(packets, [hex('40010001 aa')])
    assert.equal(pendingLength, 0)
  }
})

const MALFORMED: readonly (readonly [string, Buffer])[] = [
  ['nothing', hex('')],
  ['3 bytes of a STUN message', hex('000100')],
  ['a STUN header that is cut off', OLD_REQUEST.subarray(0, 19)],
  ['a STUN message that is cut off', REQUEST.subarray(0, -4)],
  ['bytes after a STUN message', Buffer.concat([REQUEST, hex('00')])],
  ['two STUN messages', Buffer.concat([OLD_REQUEST, OLD_REQUEST])],
  ['a STUN length that is not a multiple of 4', message(0x0001, 20, 2)],
  ['3 bytes of ChannelData', hex('400000')],
  ['ChannelData that is cut off', hex('40010002 aa')],
  ['more than padding after ChannelData', hex('40010001 aa 00000000')],
  ['anything after ChannelData that needs no padding', hex('40010004 aabbccdd 00')],
  ['a channel below 0x4000', message(0x3fff, 4, 4)],
  ['a channel above 0x7fff', message(0x8000, 4, 4)],
  ['RTP', message(0x8060, 20, 0)],
  ['DTLS', message(0x16fe, 4, 4)],
]

for (const [what, packet] of MALFORMED) {
  test(`does not carry ${what}`, () => assert.equal(frame(packet), 'malformed'))
}

test('carries packets up to 65,527 bytes and says of longer ones that they are too long', () => {
  const longest = message(0x4000, 4, 65_523)
  const stream = frame(longest) as Buffer
  assert.equal(stream.length, 65_528)
  assert.deepEqual(readStream(stunFraming, piecesOf(stream, 1000)).packets, [longest])
  const longestMessage = message(0x0001, 20, 65_504)
  assert.deepEqual(readStream(stunFraming, [frame(longestMessage) as Buffer]).packets, [longestMessage])
  assert.equal(frame(message(0x4000, 4, 65_524)), 'too-long')
  assert.equal(frame(message(0x0001, 20, 65_508)), 'too-long')
})

test('passes over messages longer than UDP carries, padding included, and goes on', () => {
  const channelData = Buffer.concat([message(0x4000, 4, 65_525), hex('ffffff')])
  const stream = Buffer.concat([OLD_REQUEST, channelData, hex('40000000'), message(0x0001, 20, 65_532), OLD_REQUEST])
  for (const pieceLength of [1, 3, 1000, 65_536, stream.length]) {
    assert.deepEqual(readStream(stunFraming, piecesOf(stream, pieceLength)), {
      packets: [OLD_REQUEST, hex('40000000'), OLD_REQUEST],
      skipped: 2,
      fault: undefined,
      pendingLength: 0,
    })
  }
})

const FAULTS: readonly (readonly [Buffer, string])[] = [
  [hex('80000000'), 'neither a STUN message nor ChannelData'],
  [hex('80600000'), 'neither a STUN message nor ChannelData'],
  [hex('c0000000'), 'neither a STUN message nor ChannelData'],
  [hex('00010002'), 'a STUN message whose length is not a multiple of 4'],
]

for (const [head, fault] of FAULTS) {
  test(`a stream with ${head.toString('hex')} is at fault, after the packets before it`, () => {
    const stream = Buffer.concat([REQUEST, frame(hex('40010001 aa')) as Buffer, head, OLD_REQUEST])
    for (let length = 1; length <= stream.length; length++) {
      const reading = readStream(stunFraming, piecesOf(stream, length))
      assert.deepEqual(reading.packets, [REQUEST, hex('40010001 aa')])
      assert.equal(reading.fault, fault)
    }
  })
}

test('tells how much of a packet there is when the stream ends within one', () => {
  const pending = (stream: Buffer): number => readStream(stunFraming, [stream]).pendingLength
  assert.equal(pending(REQUEST), 0)
  assert.equal(pending(REQUEST.subarray(0, 3)), 3)
  assert.equal(pending(REQUEST.subarray(0, 4)), 4)
  assert.equal(pending(REQUEST.subarray(0, -1)), REQUEST.length - 1)
  assert.equal(pending(Buffer.concat([OLD_REQUEST, hex('400100')])), 3)
})
