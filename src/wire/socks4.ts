import type { Decoding } from './decoding.ts'
import { decodeIpAddress, encodeIpAddress, IPV4_LENGTH } from './ip-address.ts'
import { CONNECT, decodeHostName, SOCKS4_VERSION, type SocksDestination } from './socks.ts'

/** Longest USERID in bytes, the ending NUL not counted: it carries per-connection arguments, for which no document has a limit. */
export const MAX_USER_ID_LENGTH = 65_536
const MAX_NAME_LENGTH = 255
const FIXED_LENGTH = 8
const REPLY_LENGTH = 8

/** Reply codes of SOCKS4. */
export const SOCKS4_GRANTED = 0x5a
export const SOCKS4_REJECTED = 0x5b

/** A SOCKS4 or SOCKS4a request: command, port, address, USERID, and a host name where the address is 0.0.0.x. */
export interface Socks4Request {
  readonly command: number
  readonly destination: SocksDestination
  /** Without its ending NUL; a copy. */
  readonly userId: Buffer
}

/** Decodes a SOCKS4 or SOCKS4a request, which begins with byte 4. Malformed: another version, a field past its limit, no host name. */
export function decodeSocks4Request(bytes: Buffer): Decoding<Socks4Request> {
  if (bytes.length > 0 && bytes[0] !== SOCKS4_VERSION) return 'malformed'
  const userId = bytes.length < FIXED_LENGTH ? 'incomplete' : decodeField(bytes, FIXED_LENGTH, MAX_USER_ID_LENGTH)
  if (typeof userId === 'string') return userId
  const command = bytes[1]!
  const port = bytes.readUInt16BE(2)
  const ip = bytes.subarray(4, FIXED_LENGTH)
  const afterUserId = FIXED_LENGTH + userId.length + 1
  if (!namesHost(ip)) {
    return { value: { command, destination: { host: decodeIpAddress(ip), port }, userId }, length: afterUserId }
  }
  const name = decodeField(bytes, afterUserId, MAX_NAME_LENGTH)
  if (typeof name === 'string') return name
  const host = decodeHostName(name)
  if (host === undefined) return 'malformed'
  return { value: { command, destination: { host, port }, userId }, length: afterUserId + name.length + 1 }
}

/**
 * Encodes a CONNECT request: SOCKS4 for an IPv4 address, SOCKS4a for any other host, which the server then looks up. Throws RangeError for a
 * USERID or name with NUL, or one past its limit.
 */
export function encodeSocks4Request(destination: SocksDestination, userId: Uint8Array): Buffer {
  const { host, port } = destination
  const ip = encodeIpAddress(host)
  const isIpv4 = ip?.length === IPV4_LENGTH && !namesHost(ip)
  const name = isIpv4 ? Buffer.alloc(0) : Buffer.from(`${host}\0`)
  if (name.length > MAX_NAME_LENGTH + 1 || userId.length > MAX_USER_ID_LENGTH)
    throw new RangeError('a field is too long')
  if (name.indexOf(0) < name.length - 1 || userId.includes(0)) throw new RangeError('a field holds a NUL')
  const head = Buffer.of(SOCKS4_VERSION, CONNECT, port >> 8, port & 0xff, ...(isIpv4 ? ip : [0, 0, 0, 1]))
  return Buffer.concat([head, userId, Buffer.of(0), name])
}

/** Encodes a reply: `code`, then a port and an address of zeros, which nobody reads. */
export function encodeSocks4Reply(code: number): Buffer {
  return Buffer.of(0, code, 0, 0, 0, 0, 0, 0)
}

/** Decodes a reply to its code. Malformed unless it begins with 0. */
export function decodeSocks4Reply(bytes: Buffer): Decoding<number> {
  if (bytes.length > 0 && bytes[0] !== 0) return 'malformed'
  return bytes.length < REPLY_LENGTH ? 'incomplete' : { value: bytes[1]!, length: REPLY_LENGTH }
}

/** Whether the address is 0.0.0.x with x not 0, SOCKS4a's sign that a host name follows. */
function namesHost(ip: Uint8Array): boolean {
  return ip[0] === 0 && ip[1] === 0 && ip[2] === 0 && ip[3] !== 0
}

/** Copies the field from `start` to the next NUL. */
function decodeField(bytes: Buffer, start: number, limit: number): Buffer | 'incomplete' | 'malformed' {
  const end = bytes.indexOf(0, start)
  if ((end === -1 ? bytes.length : end) - start > limit) return 'malformed'
  return end === -1 ? 'incomplete' : Buffer.from(bytes.subarray(start, end))
}
