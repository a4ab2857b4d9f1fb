import type { Decoding } from './decoding.ts'
import { decodeIpAddress, encodeIpAddress, IPV4_LENGTH, IPV6_LENGTH } from './ip-address.ts'
import { decodeHostName, type SocksDestination } from './socks.ts'

const ADDRESS_IPV4 = 1
const ADDRESS_NAME = 3
const ADDRESS_IPV6 = 4
const MAX_NAME_LENGTH = 255

/** Encodes type, address and port (RFC 1928 §5): by address where the host is one, else by name. Throws RangeError for a name without 1 to 255 bytes. */
export function encodeSocksAddress({ host, port }: SocksDestination): Buffer {
  const ip = encodeIpAddress(host)
  const name = Buffer.from(ip === undefined ? host : '')
  if (ip === undefined && (name.length === 0 || name.length > MAX_NAME_LENGTH)) throw new RangeError('not a host name')
  const type =
    ip === undefined ? [ADDRESS_NAME, name.length] : [ip.length === IPV4_LENGTH ? ADDRESS_IPV4 : ADDRESS_IPV6]
  return Buffer.concat([Buffer.of(...type), ip ?? name, Buffer.of(port >> 8, port & 0xff)])
}

/** Decodes type, address and port from `start` on; `length` is theirs. Malformed: a host name that is none. Unsupported: another type. */
export function decodeSocksAddress(bytes: Buffer, start = 0): Decoding<SocksDestination> | 'unsupported' {
  const end = socksAddressEnd(bytes, start)
  if (typeof end === 'string') return end
  if (bytes.length < end + 2) return 'incomplete'
  const isName = bytes[start] === ADDRESS_NAME
  const field = bytes.subarray(start + (isName ? 2 : 1), end)
  const host = isName ? decodeHostName(field) : decodeIpAddress(field)
  return host === undefined ? 'malformed' : { value: { host, port: bytes.readUInt16BE(end) }, length: end + 2 - start }
}

/** Finds where the address that begins with its type at `start` ends and its port begins. */
export function socksAddressEnd(bytes: Buffer, start: number): number | 'incomplete' | 'unsupported' {
  const type = bytes[start]
  if (type === undefined) return 'incomplete'
  if (type === ADDRESS_IPV4) return start + 1 + IPV4_LENGTH
  if (type === ADDRESS_IPV6) return start + 1 + IPV6_LENGTH
  if (type !== ADDRESS_NAME) return 'unsupported'
  const nameLength = bytes[start + 1]
  return nameLength === undefined ? 'incomplete' : start + 2 + nameLength
}
