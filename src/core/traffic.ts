import type { Connection } from './connection.ts'
import type { PacketConnection } from './packets.ts'

/** The bytes that a connection counts. */
export type Traffic = Pick<Connection, 'bytesRead' | 'bytesWritten' | 'wireBytesRead' | 'wireBytesWritten'>

/** What a connection's events tell: bytes each way, of the application and on the wire. */
export function trafficOf(connection: Traffic, role: 'client' | 'server'): object {
  const { bytesRead, bytesWritten, wireBytesRead, wireBytesWritten } = connection
  return { role, bytesRead, bytesWritten, wireBytesRead, wireBytesWritten }
}

/** The same of packets and of what carries them, with the packets that were dropped, counted by reason. */
export function packetTrafficOf(
  carrier: Traffic,
  packets: Pick<PacketConnection, 'counters'>,
  role: 'client' | 'server',
): object {
  return { ...trafficOf(carrier, role), dropped: packets.counters.dropped }
}

/** An error's code, where it has one: all of it that events tell. */
export function codeOf(error: Error): { code?: unknown } {
  return 'code' in error ? { code: error.code } : {}
}
