import { Buffer } from 'node:buffer'
import { type Cipher as Ecb, createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import type { AddressedPacket } from '../../core/packets.ts'
import { decodeSocksAddress } from '../../wire/socks-address.ts'
import { openBox, sealInto, TAG_LENGTH } from './aead.ts'
import { ECHO_POSITION, encodePadding, skipPadding, timeIn } from './headers-2022.ts'
import { type Secret, subkeyOf } from './keys.ts'
import { MAX_DATAGRAM_LENGTH } from './udp.ts'

export const SESSION_ID_LENGTH = 8
/** Session and packet ID. */
const SEPARATE_HEADER_LENGTH = 16
/** The nonce of a body: the separate header from here to its end. */
const NONCE_POSITION = 4
const NO_PADDING = encodePadding(Buffer.alloc(0))

/** The separate header of a datagram (SIP022 §3.2.1), before anything about it is known to be true. */
export interface SeparateHeader {
  /** All of it; the nonce is in it. */
  readonly bytes: Buffer
  readonly sessionId: Buffer
  readonly packetId: number
}

/** Encrypts and decrypts separate headers: one AES block under the key itself. */
export class SeparateHeaders {
  readonly #encrypt: Ecb
  readonly #decrypt: ReturnType<typeof createDecipheriv>

  constructor({ method, key }: Secret) {
    const cipher = method.keyLength === 16 ? 'aes-128-ecb' : 'aes-256-ecb'
    // Without padding they hold nothing back, and serve for ever.
    this.#encrypt = createCipheriv(cipher, key, null).setAutoPadding(false)
    this.#decrypt = createDecipheriv(cipher, key, null).setAutoPadding(false)
  }

  encrypt(header: Uint8Array): Buffer {
    return this.#encrypt.update(header)
  }

  /** Undefined where the datagram is too short to be one. */
  read(datagram: Uint8Array): SeparateHeader | undefined {
    if (datagram.length < SEPARATE_HEADER_LENGTH + TAG_LENGTH) return undefined
    const bytes = this.#decrypt.update(datagram.subarray(0, SEPARATE_HEADER_LENGTH))
    const sessionId = bytes.subarray(0, SESSION_ID_LENGTH)
    return { bytes, sessionId, packetId: Number(bytes.readBigUInt64BE(SESSION_ID_LENGTH)) }
  }
}

/** Seals datagrams of one session of ours. */
export class SessionSealer {
  readonly sessionId: Buffer
  readonly #secret: Secret
  readonly #headers: SeparateHeaders
  readonly #key: KeyObject
  #packetId = 0n

  /** `sessionId` is 8 random bytes. */
  constructor(secret: Secret, headers: SeparateHeaders, sessionId: Buffer) {
    this.sessionId = sessionId
    this.#secret = secret
    this.#headers = headers
    this.#key = createSecretKey(subkeyOf(secret, sessionId))
  }

  /** Makes a datagram of the next packet ID: fixed header, no padding, address, packet. */
  seal(fixed: Uint8Array, address: Uint8Array, packet: Uint8Array): Buffer | 'too-long' {
    const bodyLength = fixed.length + NO_PADDING.length + address.length + packet.length
    const length = SEPARATE_HEADER_LENGTH + bodyLength + TAG_LENGTH
    if (length > MAX_DATAGRAM_LENGTH) return 'too-long'
    const header = Buffer.allocUnsafe(SEPARATE_HEADER_LENGTH)
    header.set(this.sessionId)
    header.writeBigUInt64BE(this.#packetId++, SESSION_ID_LENGTH)
    const datagram = Buffer.allocUnsafe(length)
    datagram.set(this.#headers.encrypt(header))
    const { cipher } = this.#secret.method
    const nonce = header.subarray(NONCE_POSITION)
    sealInto({ cipher, key: this.#key, nonce }, [fixed, NO_PADDING, address, packet], datagram, header.length)
    return datagram
  }
}

/** A genuine body. */
export interface OpenedBody extends AddressedPacket {
  readonly seconds: number
}

/** The key of one session of the peer's. */
export function sessionKeyOf(secret: Secret, sessionId: Uint8Array): KeyObject {
  return createSecretKey(subkeyOf(secret, sessionId))
}

/** Opens a body: undefined where it is not genuine, of another type, or does not name the session that it answers. */
export function openBody(
  datagram: Uint8Array,
  { secret, key, header }: { readonly secret: Secret; readonly key: KeyObject; readonly header: SeparateHeader },
  { type, echo }: { readonly type: number; readonly echo: Uint8Array },
): OpenedBody | undefined {
  const nonce = header.bytes.subarray(NONCE_POSITION)
  const body = openBox({ cipher: secret.method.cipher, key, nonce }, datagram.subarray(SEPARATE_HEADER_LENGTH))
  const fixedLength = ECHO_POSITION + echo.length
  if (body === undefined || body.length < fixedLength || body[0] !== type) return undefined
  if (!body.subarray(ECHO_POSITION, fixedLength).equals(echo)) return undefined
  const padding = skipPadding(body, fixedLength)
  const address = padding && decodeSocksAddress(padding.rest)
  if (padding === undefined || address === undefined || typeof address === 'string') return undefined
  return { packet: padding.rest.subarray(address.length), target: address.value, seconds: timeIn(body) }
}
