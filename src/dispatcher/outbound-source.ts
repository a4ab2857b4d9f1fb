import { BlockList, isIP, isIPv6 } from 'node:net'
import type { OutboundAddresses } from '../ipc/config.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Says whether an IP address, IPv6 without brackets, is of this host only; IPv4 in IPv6 too. */
export function isLoopback(address: string): boolean {
  return isIP(address) !== 0 && loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

/**
 * Makes what chooses the way to an IP address: one from the outbound address of its family, made by `create`, or `plain` where there is
 * none and towards loopback (PT 1.0 §3.2.1).
 */
export function chooseBySource<Way>(
  { v4, v6 }: OutboundAddresses,
  plain: Way,
  create: (localAddress: string) => Way,
): (host: string) => Way {
  const viaV4 = v4 === undefined ? plain : create(v4)
  const viaV6 = v6 === undefined ? plain : create(v6)
  return (host) => {
    if (isLoopback(host)) return plain
    return isIPv6(host) ? viaV6 : viaV4
  }
}

/** Makes the error of a name without an address, as the system has it. */
export function noAddress(): Error {
  return Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND', syscall: 'getaddrinfo' })
}
