import type { PacketFraming } from '../core/packet-framing.ts'
import { MAX_PACKET_LENGTH, type PacketLayout, PacketStreamReader } from './packet-stream-reader.ts'

const PREFIX_LENGTH = 2

const LAYOUT: PacketLayout = {
  headLength: PREFIX_LENGTH,
  keepsHead: false,
  alignment: 1,
  packetLength: (bytes, at) => (bytes[at]! << 8) | bytes[at + 1]!,
}

/**
 * Packets of any content, each after its length in two bytes, the higher first (PT 3.0 §1.5.4, whose byte order is the network's). Lengths
 * that 16 bits hold and UDP does not are passed over. No stream is a fault.
 */
export const lengthPrefixFraming: PacketFraming = {
  name: 'length-prefix',
  maxPacketLength: MAX_PACKET_LENGTH,
  frame(packet) {
    if (packet.length > MAX_PACKET_LENGTH) return 'too-long'
    const frame = Buffer.allocUnsafe(PREFIX_LENGTH + packet.length)
    frame.writeUInt16BE(packet.length)
    frame.set(packet, PREFIX_LENGTH)
    return frame
  },
  reader: () => new PacketStreamReader(LAYOUT),
}
