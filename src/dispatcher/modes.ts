import type { PacketOptions } from '../core/packets.ts'
import type { ProxyMode } from '../ipc/config.ts'
import { lengthPrefixFraming } from '../wire/length-prefix.ts'
import { stunFraming } from '../wire/stun.ts'

/**
 * Says how a mode carries packets (PT 3.0 §1.5.4); undefined for one that carries streams. What packets are in transparent-UDP is unknown, so
 * that a transport may carry them as it likes best; STUN has the framing of its messages.
 */
export function packetOptionsOf(mode: ProxyMode): PacketOptions | undefined {
  if (mode === 'transparent-UDP') return {}
  return mode === 'STUN' ? { framing: 'stun' } : undefined
}

/** Says whether a mode carries a packet, whatever carries it then: of STUN, its messages and ChannelData alone. */
export function isCarried(mode: ProxyMode, packet: Uint8Array): boolean {
  if (mode === 'STUN') return typeof stunFraming.frame(packet) !== 'string'
  return packet.length <= lengthPrefixFraming.maxPacketLength
}
