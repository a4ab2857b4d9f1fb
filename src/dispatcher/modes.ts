import type { PacketOptions } from '../core/packets.ts'
import type { ProxyMode } from '../ipc/config.ts'

/**
 * Says how a mode carries packets (PT 3.0 §1.5.4); undefined for one that carries streams. What packets are in transparent-UDP is unknown, so
 * that a transport may carry them as it likes best; STUN has the framing of its messages.
 */
export function packetOptionsOf(mode: ProxyMode): PacketOptions | undefined {
  if (mode === 'transparent-UDP') return {}
  return mode === 'STUN' ? { framing: 'stun' } : undefined
}
