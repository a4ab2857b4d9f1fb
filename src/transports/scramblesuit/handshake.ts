import { createHash } from 'node:crypto'
import { constantTimeEqual } from '../../crypto/constant-time.ts'
import { hkdfExpandSha256, hmacSha256 } from '../../crypto/hkdf.ts'
import { type UniformDhKeyPair, uniformDhSecret } from '../../crypto/uniform-dh.ts'
import { type Random, randomBytes, uniformInteger } from '../../util/random.ts'
import { MAC_LENGTH, MARK_LENGTH, MAX_HANDSHAKE_LENGTH } from './constants.ts'
import { DIRECTION_KEY_LENGTH } from './packet-format.ts'

const MS_PER_HOUR = 3_600_000
const TAIL_LENGTH = MARK_LENGTH + MAC_LENGTH

/** The epoch hour E of a wall time in ms: whole hours since 1970. */
export function epochHourOf(wallMs: number): number {
  return Math.floor(wallMs / MS_PER_HOUR)
}

/**
 * The marks and MACs of handshake messages: HMAC-SHA256 cut to 16 bytes. Its key is k_B in a UniformDH handshake, and the client's HMAC key of the session
 * that a ticket stands for in a ticket handshake.
 */
export class HandshakeMac {
  readonly #key: Buffer

  /** Copies the key. */
  constructor(key: Uint8Array) {
    this.#key = Buffer.from(key)
  }

  /** Computes the mark M of what a message begins with: 16 bytes. */
  mark(beginning: Uint8Array): Buffer {
    return hmacSha256(this.#key, beginning).subarray(0, MARK_LENGTH)
  }

  /** Computes the MAC of a message up to and with its mark, for an epoch hour: 16 bytes. */
  mac(messageWithMark: Uint8Array, epochHour: number): Buffer {
    return hmacSha256(this.#key, messageWithMark, Buffer.from(String(epochHour))).subarray(0, MAC_LENGTH)
  }

  /** Says which of the hours E, E-1, E+1 a MAC was made in. */
  verify(messageWithMark: Uint8Array, mac: Uint8Array, epochHour: number): number | undefined {
    return [epochHour, epochHour - 1, epochHour + 1].find((hour) =>
      constantTimeEqual(mac, this.mac(messageWithMark, hour)),
    )
  }
}

/** Makes a message: `beginning` ‖ random padding ‖ mark ‖ MAC, of 1,532 bytes at most, in a new buffer owned by the caller. */
export function makeMessage(beginning: Uint8Array, mac: HandshakeMac, epochHour: number, random: Random): Buffer {
  const mostPadding = MAX_HANDSHAKE_LENGTH - beginning.length - TAIL_LENGTH
  const padding = randomBytes(random, uniformInteger(random, 0, mostPadding))
  const withMark = Buffer.concat([beginning, padding, mac.mark(beginning)])
  return Buffer.concat([withMark, mac.mac(withMark, epochHour)])
}

/** Finds the end of one message, whose padding has an unknown length, by its mark. */
export class MarkSearch {
  readonly #mac: HandshakeMac
  readonly #beginningLength: number
  #mark: Buffer | undefined
  /** Where the search goes on. */
  #searched: number

  /** `beginningLength` is how many bytes the mark is made of; it is searched for behind them. */
  constructor(mac: HandshakeMac, beginningLength: number) {
    this.#mac = mac
    this.#beginningLength = beginningLength
    this.#searched = beginningLength
  }

  /** Returns the length of the message whose beginning is `received`, once it is whole with its MAC. */
  find(received: Buffer): number | undefined {
    if (received.length < this.#beginningLength) return undefined
    this.#mark ??= this.#mac.mark(received.subarray(0, this.#beginningLength))
    const markAt = received.subarray(0, MAX_HANDSHAKE_LENGTH - MAC_LENGTH).indexOf(this.#mark, this.#searched)
    this.#searched = markAt === -1 ? Math.max(this.#searched, received.length - MARK_LENGTH + 1) : markAt
    const end = markAt + TAIL_LENGTH
    return markAt === -1 || end > received.length ? undefined : end
  }
}

/** The keys of a session, owned by who derived them. */
export interface SessionKeys {
  /** 72 bytes: AES-256 key (32) ‖ counter prefix (8) ‖ HMAC key (32). */
  readonly clientToServer: Buffer
  readonly serverToClient: Buffer
}

const CIPHER_LENGTH = 40
const HMAC_KEY_LENGTH = 32

/** Derives both directions' keys from a master key of 32 bytes: the ciphers' keys of both come first, then the HMAC keys. */
export function deriveSessionKeys(masterKey: Uint8Array): SessionKeys {
  const derived = hkdfExpandSha256(masterKey, 2 * DIRECTION_KEY_LENGTH)
  const hmacKeys = derived.subarray(2 * CIPHER_LENGTH)
  const keys = {
    clientToServer: Buffer.concat([derived.subarray(0, CIPHER_LENGTH), hmacKeys.subarray(0, HMAC_KEY_LENGTH)]),
    serverToClient: Buffer.concat([
      derived.subarray(CIPHER_LENGTH, 2 * CIPHER_LENGTH),
      hmacKeys.subarray(HMAC_KEY_LENGTH),
    ]),
  }
  derived.fill(0)
  return keys
}

/** Makes the MAC of a ticket handshake: its key is the client's HMAC key. */
export function ticketMac({ clientToServer }: SessionKeys): HandshakeMac {
  return new HandshakeMac(clientToServer.subarray(CIPHER_LENGTH))
}

/** Derives the session's keys from the two values of a UniformDH handshake, and wipes the private key. */
export function agreeOnKeys(keyPair: UniformDhKeyPair, peerValue: Uint8Array): SessionKeys | undefined {
  const secret = uniformDhSecret(keyPair.privateKey, peerValue)
  keyPair.privateKey.fill(0)
  if (secret === undefined) return undefined
  const masterKey = createHash('sha256').update(secret).digest()
  secret.fill(0)
  return deriveSessionKeys(masterKey)
}
