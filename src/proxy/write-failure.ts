import type { PacketConnection } from '../core/packets.ts'

/** What costs a packet and says nothing about its connection. */
const PACKET_CODES: ReadonlySet<unknown> = new Set(['PT_PACKET_DROPPED', 'PT_PACKET_TOO_LONG', 'PT_PACKET_MALFORMED'])

/** Says whether a packet that was not sent is the "write failure" of PT 3.0 §1.5: one after which its connection is of no more use. */
export function isWriteFailure(error: Error, connection: PacketConnection): boolean {
  return connection.closed || !('code' in error && PACKET_CODES.has(error.code))
}
