import type { PeerAddress } from '../../core/transport.ts'
import { decodeIpAddress, encodeIpAddress } from '../../wire/ip-address.ts'
import { UNKNOWN_PORT } from './constants.ts'
import type { Trust } from './options.ts'

/** Tells whether a peer is to be believed; one without an address is on a UNIX socket of this machine. */
export function isTrusted(trust: Trust, remoteAddress: string | undefined): boolean {
  if (trust !== 'loopback') return trust === 'always'
  if (remoteAddress === undefined) return true
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, '')
  return address === '::1' || /^127\.\d+\.\d+\.\d+$/.test(address)
}

const ELEMENT = /^(?:\[(?<ipv6>[\da-fA-F:.]+)\]|(?<ipv4>\d+\.\d+\.\d+\.\d+))(?::(?<port>\d{1,5}))?$/

/**
 * Reads the last element of X-Forwarded-For, the one that the proxy next to this server has added: those before it are whatever the client likes to
 * claim. Undefined where it is no address. A port that is not told is 60000.
 */
export function parseForwardedFor(field: string | string[] | undefined): PeerAddress | undefined {
  const last = field?.toString().split(',').at(-1)?.trim() ?? ''
  const { ipv6, ipv4, port } = ELEMENT.exec(last)?.groups ?? {}
  const encoded = encodeIpAddress(ipv6 ?? ipv4 ?? last)
  if (encoded === undefined || Number(port ?? 0) > 65_535) return undefined
  return { remoteAddress: decodeIpAddress(encoded), remotePort: port === undefined ? UNKNOWN_PORT : Number(port) }
}
