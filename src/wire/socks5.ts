import type { Decoding } from './decoding.ts'
import { CONNECT, SOCKS5_VERSION, SOCKS_REPLY, type SocksDestination } from './socks.ts'
import { decodeSocksAddress, encodeSocksAddress, socksAddressEnd } from './socks-address.ts'

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
/** Bytes of a request before its address, which begins with its type, and of the least that tells that type. */
const ADDRESS_POSITION = 3
const REQUEST_HEAD_LENGTH = ADDRESS_POSITION + 1

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
  const address = decodeSocksAddress(bytes, ADDRESS_POSITION)
  if (address === 'incomplete' || address === 'malformed') return address
  if (address === 'unsupported') {
    return { value: { command, unsupported: SOCKS_REPLY.addressTypeNotSupported }, length: REQUEST_HEAD_LENGTH }
  }
  return { value: { command, destination: address.value }, length: ADDRESS_POSITION + address.length }
}

/** Encodes a CONNECT request: by address where the host is one, else by name. Throws RangeError for a name without 1 to 255 bytes. */
export function encodeSocks5Request(destination: SocksDestination): Buffer {
  return Buffer.concat([Buffer.of(SOCKS5_VERSION, CONNECT, 0), encodeSocksAddress(destination)])
}

/** Encodes a reply with an IPv4 address and port of zeros, whatever was asked for: clients of transports read no other. */
export function encodeSocks5Reply(code: number): Buffer {
  return Buffer.of(SOCKS5_VERSION, code, 0, ADDRESS_IPV4, 0, 0, 0, 0, 0, 0)
}

/** Decodes a reply, with an address of any type, to its code (RFC 1928 §6). */
export function decodeSocks5Reply(bytes: Buffer): Decoding<number> {
  if (bytes.length > 0 && bytes[0] !== SOCKS5_VERSION) return 'malformed'
  if (bytes.length < REQUEST_HEAD_LENGTH) return 'incomplete'
  const end = socksAddressEnd(bytes, ADDRESS_POSITION)
  if (end === 'incomplete') return end
  // A refusal without a sensible address is still a refusal.
  if (end === 'unsupported') return bytes[1] === 0 ? 'malformed' : { value: bytes[1]!, length: REQUEST_HEAD_LENGTH }
  return bytes.length < end + 2 ? 'incomplete' : { value: bytes[1]!, length: end + 2 }
}

function decodePair(bytes: Buffer, version: number): Decoding<number> {
  if (bytes.length > 0 && bytes[0] !== version) return 'malformed'
  return bytes.length < 2 ? 'incomplete' : { value: bytes[1]!, length: 2 }
}
