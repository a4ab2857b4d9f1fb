import { constantTimeEqual } from '../crypto/constant-time.ts'
import { hmacSha256 } from '../crypto/hkdf.ts'

/** The only authentication type there is: SAFE_COOKIE (ext-orport-spec, "The SAFE_COOKIE authentication"). */
export const SAFE_COOKIE = 1
/** Ends the list of authentication types. */
export const END_OF_AUTH_TYPES = 0
/** What a server answers to a client hash that is right, and to one that is not. */
export const AUTHENTICATED = 1
export const NOT_AUTHENTICATED = 0
export const COOKIE_LENGTH = 32
export const NONCE_LENGTH = 32
export const HASH_LENGTH = 32
/** Of the server hash and the server nonce together. */
export const CHALLENGE_LENGTH = HASH_LENGTH + NONCE_LENGTH
/** Of a command's type and length. */
export const COMMAND_HEADER_LENGTH = 4

/** What a PT server sends; each is `u16 type, u16 length, body`. */
export const COMMANDS = Object.freeze({ done: 0x0000, userAddress: 0x0001, transport: 0x0002 })
/** What tor answers. */
export const REPLIES = Object.freeze({ okay: 0x1000, deny: 0x1001, control: 0x1002 })

const COOKIE_HEADER = Buffer.from('! Extended ORPort Auth Cookie !\n', 'latin1')
const SERVER_HASH_TEXT = Buffer.from('ExtORPort authentication server-to-client hash', 'latin1')
const CLIENT_HASH_TEXT = Buffer.from('ExtORPort authentication client-to-server hash', 'latin1')
const MAX_BODY_LENGTH = 0xffff

/** The secret and the two nonces of one authentication, 32 bytes each. */
export interface CookieExchange {
  readonly cookie: Uint8Array
  readonly clientNonce: Uint8Array
  readonly serverNonce: Uint8Array
}

export interface CommandHeader {
  readonly type: number
  /** Bytes of body that follow. */
  readonly length: number
}

/**
 * Decodes a cookie file: its fixed first line and 32 secret bytes, which are returned as a view of `file`. Undefined for anything else
 * (ext-orport-spec, "Cookie-file format").
 */
export function decodeCookieFile(file: Buffer): Buffer | undefined {
  if (file.length !== COOKIE_HEADER.length + COOKIE_LENGTH) return undefined
  return file.subarray(0, COOKIE_HEADER.length).equals(COOKIE_HEADER) ? file.subarray(COOKIE_HEADER.length) : undefined
}

/** Encodes a cookie file into a new buffer. Throws RangeError unless the cookie has 32 bytes (ext-orport-spec, "Cookie-file format"). */
export function encodeCookieFile(cookie: Uint8Array): Buffer {
  if (cookie.length !== COOKIE_LENGTH) throw new RangeError('a cookie has 32 bytes')
  return Buffer.concat([COOKIE_HEADER, cookie])
}

/** Computes the hash by which the server shows that it has the cookie: 32 bytes in a new buffer. */
export function computeServerHash(exchange: CookieExchange): Buffer {
  return computeHash(SERVER_HASH_TEXT, exchange)
}

/** Computes the hash by which the client shows that it has the cookie: 32 bytes in a new buffer. */
export function computeClientHash(exchange: CookieExchange): Buffer {
  return computeHash(CLIENT_HASH_TEXT, exchange)
}

/** Says, in constant time, whether the server has the cookie too. */
export function isServerHash(hash: Uint8Array, exchange: CookieExchange): boolean {
  return constantTimeEqual(hash, computeServerHash(exchange))
}

/** Says, in constant time, whether the client has the cookie too. */
export function isClientHash(hash: Uint8Array, exchange: CookieExchange): boolean {
  return constantTimeEqual(hash, computeClientHash(exchange))
}

function computeHash(text: Uint8Array, { cookie, clientNonce, serverNonce }: CookieExchange): Buffer {
  return hmacSha256(cookie, text, clientNonce, serverNonce)
}

/** Encodes a command into a new buffer. Throws RangeError for a body over 65,535 bytes. */
export function encodeCommand(type: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
  if (body.length > MAX_BODY_LENGTH) throw new RangeError('the body of a command has at most 65,535 bytes')
  const command = Buffer.alloc(COMMAND_HEADER_LENGTH + body.length)
  command.writeUInt16BE(type, 0)
  command.writeUInt16BE(body.length, 2)
  command.set(body, COMMAND_HEADER_LENGTH)
  return command
}

/** Decodes the 4 bytes at the head of a command. */
export function decodeCommandHeader(header: Buffer): CommandHeader {
  return { type: header.readUInt16BE(0), length: header.readUInt16BE(2) }
}

/**
 * Encodes all that is told of one client, ending in DONE: where it comes from, left out when unknown, and its transport. The address is
 * text as `1.2.3.4:5` or `[::1]:5`, without a name and without a NUL.
 */
export function encodeClientDescription(client: {
  readonly transport: string
  readonly userAddress: string | undefined
}): Buffer {
  const { transport, userAddress } = client
  const commands = [encodeCommand(COMMANDS.transport, Buffer.from(transport, 'ascii')), encodeCommand(COMMANDS.done)]
  if (userAddress !== undefined)
    commands.unshift(encodeCommand(COMMANDS.userAddress, Buffer.from(userAddress, 'ascii')))
  return Buffer.concat(commands)
}
