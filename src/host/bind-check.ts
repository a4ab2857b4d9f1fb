import { BlockList, isIPv6 } from 'node:net'
import type { TcpAddress } from '../core/platform.ts'

/** Addresses that stand for all of a machine's, of which any may be told. */
const everyAddress = new BlockList()
everyAddress.addAddress('0.0.0.0', 'ipv4')
everyAddress.addAddress('::', 'ipv6')

/**
 * Says in what an address that a server tells differs from the one that it was given to listen on; undefined where it may. Of port 0 any port comes,
 * of every address any host; one host may be spelled in several ways, as IPv4 in IPv6 too.
 */
export function describeLie(given: TcpAddress | undefined, told: TcpAddress): 'address' | 'port' | undefined {
  if (given === undefined) return undefined
  if (given.port !== 0 && given.port !== told.port) return 'port'
  if (isIn(everyAddress, given.host)) return undefined
  const list = new BlockList()
  list.addAddress(withoutZone(given.host), familyOf(given.host))
  return isIn(list, told.host) ? undefined : 'address'
}

function isIn(list: BlockList, host: string): boolean {
  return list.check(withoutZone(host), familyOf(host))
}

/** A zone (`fe80::1%eth0`) is spelled as each system likes. */
function withoutZone(host: string): string {
  return host.split('%', 1)[0]!
}

function familyOf(host: string): 'ipv4' | 'ipv6' {
  return isIPv6(host) ? 'ipv6' : 'ipv4'
}
