import type { Decoding } from './decoding.ts'
import { decodeIpAddress, encodeIpAddress, IPV4_LENGTH, IPV6_LENGTH } from './ip-address.ts'
import { CONNECT, decodeHostName, SOCKS5_VERSION, SOCKS_REPLY, type SocksDestination } from './socks.ts'

/** Authentication methods (RFC 1928 §3); 0x09 is the JSON parameter block of PT 2.0 and later. */
export const METHOD_NONE = 0x00
export const METHOD_PASSWORD = 0x02
export const METHOD_JSON = 0x09
export const METHOD_UNACCEPTABLE = 0xff

/** Longest user name and longest password in bytes (RFC 1929 §2). */
export const MAX_CREDENTIAL_LENGTH = 255
/** Longest JSON parameter block in bytes, its length prefix not counted. */
export const MAX_PARAMETERS_LENGTH = 65_536
/** Bytes of the length prefix of a JSON parameter block. */
export const PARAMETERS_PREFIX_LENGTH = 4

const AUTH_VERSION = 1
const ADDRESS_IPV4 = 1
const ADDRESS_NAME = 3
const ADDRESS_IPV6 = 4
const MAX_NAME_LENGTH = 255
const REQUEST_HEAD_LENGTH = 4

/** A request: a command and a destination, or the reply that it must get when its address is of a type that does not exist. */
export type Socks5Request =
  | { readonly command: number; readonly destination: SocksDestination }
  | { readonly command: number; readonly unsupported: typeof SOCKS_REPLY.addressTypeNotSupported }

/** User name and password, 0 to 255 bytes each. */
export interface Credentials {
  readonly username: Uint8Array
  readonly password: Uint8Array
}

/** Decodes the methods that a client offers (RFC 1928 §3). */
export function decodeMethods(bytes: Buffer): Decoding<readonly number[]> {
  if (bytes.length > 0 && bytes[0] !== SOCKS5_VERSION) return 'malformed'
  if (bytes.length < 2 || bytes.length < 2 + bytes[1]!) return 'incomplete'
  const length = 2 + bytes[1]!
  return { value: [...bytes.subarray(2, length)], length }
}

/** Encodes the methods that a client offers: 1 to 255 of them. */
export function encodeMethods(methods: readonly number[]): Buffer {
  return Buffer.of(SOCKS5_VERSION, methods.length, ...methods)
}

/** Encodes the server's choice; METHOD_UNACCEPTABLE refuses all. */
export function encodeMethodChoice(method: number): Buffer {
  return Buffer.of(SOCKS5_VERSION, method)
}

/** Decodes the server's choice. */
export function decodeMethodChoice(bytes: Buffer): Decoding<number> {
  return decodePair(bytes, SOCKS5_VERSION)
}

/** Decodes user name and password (RFC 1929 §2), copies of both. Empty ones are taken, as tor's and curl's are. */
export function decodeCredentials(bytes: Buffer): Decoding<Credentials> {
  if (bytes.length > 0 && bytes[0] !== AUTH_VERSION) return 'malformed'
  if (bytes.length < 2) return 'incomplete'
  const passwordAt = 2 + bytes[1]! + 1
  if (bytes.length < passwordAt) return 'incomplete'
  const length = passwordAt + bytes[passwordAt - 1]!
  if (bytes.length < length) return 'incomplete'
  const username = Buffer.from(bytes.subarray(2, passwordAt - 1))
  const password = Buffer.from(bytes.subarray(passwordAt, length))
  return { value: { username, password }, length }
}

/** Encodes user name and password. Throws RangeError past 255 bytes. */
export function encodeCredentials({ username, password }: Credentials): Buffer {
  if (Math.max(username.length, password.length) > MAX_CREDENTIAL_LENGTH)
    throw new RangeError('a credential is too long')
  const lengthOf = (field: Uint8Array): Buffer => Buffer.of(field.length)
  return Buffer.concat([Buffer.of(AUTH_VERSION), lengthOf(username), username, lengthOf(password), password])
}

/** Encodes the answer to a user name and password. */
export function encodeCredentialsReply(accepted: boolean): Buffer {
  return Buffer.of(AUTH_VERSION, accepted ? 0 : 1)
}

/** Decodes the answer to a user name and password: whether they were accepted. */
export function decodeCredentialsReply(bytes: Buffer): Decoding<boolean> {
  const decoded = decodePair(bytes, AUTH_VERSION)
  return typeof decoded === 'string' ? decoded : { value: decoded.value === 0, length: decoded.length }
}

/** Decodes a JSON parameter block to a copy of its text's bytes (PT 3.0 §3.2). Malformed: longer than MAX_PARAMETERS_LENGTH. */
export function decodeParameters(bytes: Buffer): Decoding<Buffer> {
  if (bytes.length < PARAMETERS_PREFIX_LENGTH) return 'incomplete'
  const end = PARAMETERS_PREFIX_LENGTH + bytes.readUInt32BE()
  if (end > PARAMETERS_PREFIX_LENGTH + MAX_PARAMETERS_LENGTH) return 'malformed'
  if (bytes.length < end) return 'incomplete'
  return { value: Buffer.from(bytes.subarray(PARAMETERS_PREFIX_LENGTH, end)), length: end }
}

/** Encodes a JSON parameter block. Throws RangeError past MAX_PARAMETERS_LENGTH. */
export function encodeParameters(json: Uint8Array): Buffer {
  if (json.length > MAX_PARAMETERS_LENGTH) throw new RangeError('the parameter block is too long')
  const prefix = Buffer.alloc(PARAMETERS_PREFIX_LENGTH)
  prefix.writeUInt32BE(json.length)
  return Buffer.concat([prefix, json])
}

/** Decodes a request (RFC 1928 §4). Malformed: another version, a host name that is none. */
export function decodeSocks5Request(bytes: Buffer): Decoding<Socks5Request> {
  if (bytes.length > 0 && bytes[0] !== SOCKS5_VERSION) return 'malformed'
  if (bytes.length < REQUEST_HEAD_LENGTH) return 'incomplete'
  const command = bytes[1]!
  const address = decodeAddress(bytes)
  if (address === 'incomplete' || address === 'malformed') return address
  if (address === 'unsupported') {
    return { value: { command, unsupported: SOCKS_REPLY.addressTypeNotSupported }, length: REQUEST_HEAD_LENGTH }
  }
  return { value: { command, destination: address.value }, length: address.length }
}

/** Encodes a CONNECT request: by address where the host is one, else by name. Throws RangeError for a name without 1 to 255 bytes. */
export function encodeSocks5Request({ host, port }: SocksDestination): Buffer {
  const ip = encodeIpAddress(host)
  const name = Buffer.from(ip === undefined ? host : '')
  if (ip === undefined && (name.length === 0 || name.length > MAX_NAME_LENGTH)) throw new RangeError('not a host name')
  const type =
    ip === undefined ? [ADDRESS_NAME, name.length] : [ip.length === IPV4_LENGTH ? ADDRESS_IPV4 : ADDRESS_IPV6]
  return Buffer.concat([Buffer.of(SOCKS5_VERSION, CONNECT, 0, ...type), ip ?? name, Buffer.of(port >> 8, port & 0xff)])
}

/** Encodes a reply with an IPv4 address and port of zeros, whatever was asked for: clients of transports read no other. */
export function encodeSocks5Reply(code: number): Buffer {
  return Buffer.of(SOCKS5_VERSION, code, 0, ADDRESS_IPV4, 0, 0, 0, 0, 0, 0)
}

/** Decodes a reply, with an address of any type, to its code (RFC 1928 §6). */
export function decodeSocks5Reply(bytes: Buffer): Decoding<number> {
  if (bytes.length > 0 && bytes[0] !== SOCKS5_VERSION) return 'malformed'
  if (bytes.length < REQUEST_HEAD_LENGTH) return 'incomplete'
  const end = addressEnd(bytes)
  if (end === 'incomplete') return end
  // A refusal without a sensible address is still a refusal.
  if (end === 'unsupported') return bytes[1] === 0 ? 'malformed' : { value: bytes[1]!, length: REQUEST_HEAD_LENGTH }
  return bytes.length < end + 2 ? 'incomplete' : { value: bytes[1]!, length: end + 2 }
}

function decodeAddress(bytes: Buffer): Decoding<SocksDestination> | 'unsupported' {
  const end = addressEnd(bytes)
  if (typeof end === 'string') return end
  const length = end + 2
  if (bytes.length < length) return 'incomplete'
  const isName = bytes[3] === ADDRESS_NAME
  const field = bytes.subarray(REQUEST_HEAD_LENGTH + (isName ? 1 : 0), end)
  const host = isName ? decodeHostName(field) : decodeIpAddress(field)
  return host === undefined ? 'malformed' : { value: { host, port: bytes.readUInt16BE(end) }, length }
}

/** Where the address of a request or reply ends and its port begins. */
function addressEnd(bytes: Buffer): number | 'incomplete' | 'unsupported' {
  const type = bytes[3]
  if (type === ADDRESS_IPV4) return REQUEST_HEAD_LENGTH + IPV4_LENGTH
  if (type === ADDRESS_IPV6) return REQUEST_HEAD_LENGTH + IPV6_LENGTH
  if (type !== ADDRESS_NAME) return 'unsupported'
  const nameLength = bytes[REQUEST_HEAD_LENGTH]
  return nameLength === undefined ? 'incomplete' : REQUEST_HEAD_LENGTH + 1 + nameLength
}

function decodePair(bytes: Buffer, version: number): Decoding<number> {
  if (bytes.length > 0 && bytes[0] !== version) return 'malformed'
  return bytes.length < 2 ? 'incomplete' : { value: bytes[1]!, length: 2 }
}
