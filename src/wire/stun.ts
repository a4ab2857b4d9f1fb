import type { PacketFraming } from '../core/packet-framing.ts'
import { MAX_PACKET_LENGTH, type PacketLayout, PacketStreamReader } from './packet-stream-reader.ts'

// Type or channel number, then length: what a STUN message (RFC 8489 §5) and ChannelData (RFC 8656 §12.4) have in common.
const LENGTH_END = 4
const STUN_HEADER_LENGTH = 20
const CHANNEL_DATA_HEADER_LENGTH = 4
const ALIGNMENT = 4

const LAYOUT: PacketLayout = { headLength: LENGTH_END, keepsHead: true, alignment: ALIGNMENT, packetLength }

/**
 * STUN messages, as they are, and the ChannelData of TURN, padded with zeros to a multiple of 4 bytes on the stream (RFC 8656 §12.5). The
 * magic cookie is not asked for: clients of RFC 3489 have none. Channels are 0x4000 to 0x7FFF, as in RFC 5766 §11: RFC 8656 ends them at 0x4FFF
 * and reserves the rest, which coturn's clients use all the same. A datagram of ChannelData may bring its padding along; readers take it off.
 */
export const stunFraming: PacketFraming = {
  name: 'stun',
  maxPacketLength: MAX_PACKET_LENGTH,
  frame(packet) {
    if (packet.length > MAX_PACKET_LENGTH) return 'too-long'
    if (packet.length < LENGTH_END) return 'malformed'
    const length = packetLength(packet, 0)
    if (typeof length === 'string') return 'malformed'
    const paddedLength = Math.ceil(length / ALIGNMENT) * ALIGNMENT
    if (packet.length < length || packet.length > paddedLength) return 'malformed'
    if (packet.length === paddedLength && length === paddedLength) return Buffer.from(packet)
    const frame = Buffer.alloc(paddedLength)
    frame.set(packet.length === length ? packet : packet.subarray(0, length))
    return frame
  },
  reader: () => new PacketStreamReader(LAYOUT),
}

function packetLength(bytes: Uint8Array, at: number): number | string {
  const first = bytes[at]!
  const length = (bytes[at + 2]! << 8) | bytes[at + 3]!
  if (first >> 6 === 0b01) return CHANNEL_DATA_HEADER_LENGTH + length
  if (first >> 6 !== 0) return 'neither a STUN message nor ChannelData'
  return length % ALIGNMENT === 0 ? STUN_HEADER_LENGTH + length : 'a STUN message whose length is not a multiple of 4'
}
