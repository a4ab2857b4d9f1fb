import type { Decoding } from './decoding.ts'
import { decodeIpAddress, encodeIpAddress } from './ip-address.ts'

/** Longest header of version 1, its CRLF included (§2.1). */
const MAX_TEXT_LENGTH = 107
/** Longest header of version 2 that is taken, additional values included. */
const MAX_BINARY_LENGTH = 4_096

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const FIXED_LENGTH = 16
const TEXT_SIGNATURE = Buffer.from('PROXY ')
/** Of the fourth octet: the address family and, below, the protocol, of which 1 is a stream. */
const TCP4 = 0x11
const TCP6 = 0x21

/** Where a connection comes from, of which a PROXY header tells; undefined in its place: the proxy's own, or not of TCP. */
export interface ProxiedClient {
  readonly address: string
  readonly port: number
}

/** Decodes the header of the PROXY protocol, version 1 or 2, that stands before a stream's own bytes. */
export function decodeProxyHeader(bytes: Buffer): Decoding<ProxiedClient | undefined> {
  if (startsLike(bytes, SIGNATURE)) return bytes.length < FIXED_LENGTH ? 'incomplete' : decodeBinary(bytes)
  if (startsLike(bytes, TEXT_SIGNATURE)) return decodeText(bytes)
  return 'malformed'
}

/** Whether bytes and signature agree as far as both go. */
function startsLike(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length)
  return bytes.subarray(0, length).equals(signature.subarray(0, length))
}

/** §2.2: version and command, family, length, addresses, then values that are skipped. */
function decodeBinary(bytes: Buffer): Decoding<ProxiedClient | undefined> {
  const command = bytes[SIGNATURE.length]!
  const family = bytes[SIGNATURE.length + 1]!
  const length = FIXED_LENGTH + bytes.readUInt16BE(SIGNATURE.length + 2)
  if ((command !== 0x20 && command !== 0x21) || length > MAX_BINARY_LENGTH) return 'malformed'
  if (bytes.length < length) return 'incomplete'
  const addressLength = { [TCP4]: 4, [TCP6]: 16 }[family]
  // LOCAL, the proxy's own check of health, and families that are not of TCP.
  if (command === 0x20 || addressLength === undefined) return { value: undefined, length }
  if (length < FIXED_LENGTH + 2 * addressLength + 4) return 'malformed'
  const address = decodeIpAddress(bytes.subarray(FIXED_LENGTH, FIXED_LENGTH + addressLength))
  return { value: { address, port: bytes.readUInt16BE(FIXED_LENGTH + 2 * addressLength) }, length }
}

const TEXT =
  /^PROXY (?:(?<unknown>UNKNOWN)(?: .*)?|TCP[46] (?<source>[\da-fA-F:.]+) [\da-fA-F:.]+ (?<port>\d{1,5}) \d{1,5})$/

/** §2.1: one line. */
function decodeText(bytes: Buffer): Decoding<ProxiedClient | undefined> {
  const end = bytes.subarray(0, MAX_TEXT_LENGTH).indexOf('\r\n')
  if (end < 0) return bytes.length >= MAX_TEXT_LENGTH ? 'malformed' : 'incomplete'
  const length = end + 2
  const { unknown, source, port } = TEXT.exec(bytes.toString('latin1', 0, end))?.groups ?? {}
  if (unknown !== undefined) return { value: undefined, length }
  const encoded = source === undefined ? undefined : encodeIpAddress(source)
  if (encoded === undefined || Number(port) > 65_535) return 'malformed'
  return { value: { address: decodeIpAddress(encoded), port: Number(port) }, length }
}
