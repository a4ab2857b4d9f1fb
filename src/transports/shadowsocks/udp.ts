import type { TcpAddress } from '../../core/platform.ts'
import { decodeIpAddress, encodeIpAddress } from '../../wire/ip-address.ts'

/** The longest payload of UDP over IPv4 in bytes. */
export const MAX_DATAGRAM_LENGTH = 65_507

/**
 * Whether a packet that says it is from `source` may be an answer of the target: the port must be its, and the address too unless that is a name, which the server alone has
 * looked up. A server that takes packets from everybody would else let anybody speak for the target.
 */
export function isFromTarget(source: TcpAddress, target: TcpAddress): boolean {
  if (source.port !== target.port) return false
  const asked = encodeIpAddress(target.host)
  return asked === undefined || source.host === decodeIpAddress(asked)
}
