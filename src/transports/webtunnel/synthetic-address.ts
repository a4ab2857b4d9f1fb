import { createHash } from 'node:crypto'
import type { TcpAddress } from '../../core/platform.ts'
import { decodeIpAddress } from '../../wire/ip-address.ts'

const PREFIX = Buffer.from('20010db8', 'hex')
const LENGTH = 16
const PORT = 443

/** Makes the address that stands for a tunnel in bridge lines: within 2001:db8::/32, the rest from a hash of the URL's text. Nobody dials it. */
export function syntheticAddressOf(urlText: string): TcpAddress {
  const hash = createHash('sha256').update(`WEBTUNNEL+${urlText}`).digest()
  const address = Buffer.concat([PREFIX, hash.subarray(PREFIX.length, LENGTH)])
  return { host: decodeIpAddress(address), port: PORT }
}
