import { createCipheriv, createDecipheriv } from 'node:crypto'
import { constantTimeEqual } from '../../crypto/constant-time.ts'
import { hmacSha256 } from '../../crypto/hkdf.ts'
import { type Random, randomBytes } from '../../util/random.ts'
import { MASTER_KEY_LENGTH, TICKET_LENGTH, TICKET_LIFE_MS } from './constants.ts'

/**
 * A ticket, which its server alone can read; obfsproxy's layout:
 *
 *     IV (16) ‖ AES-128-CBC( state (64) ) ‖ HMAC-SHA256( IV ‖ encrypted state ) (32)
 *     state = issue time, uint32 LE of seconds since 1970 ‖ "ScrambleSuitTicket" ‖ master key (32) ‖ 10 zero bytes
 *
 * The key of its HMAC comes from the ticket key and the password, where obfsproxy takes the ticket key's part as it is.
 */
const IV_LENGTH = 16
const STATE_LENGTH = 64
const SEALED_LENGTH = IV_LENGTH + STATE_LENGTH
const CIPHER_KEY_LENGTH = 16
const IDENTIFIER = Buffer.from('ScrambleSuitTicket', 'latin1')
const MASTER_KEY_AT = 4 + IDENTIFIER.length
const MS_PER_SECOND = 1000

/** Bytes of a ticket key: AES-128 key (16) ‖ HMAC key (32). */
export const TICKET_KEY_LENGTH = 48
/** The key that is used, and the one before it. */
export const KEPT_KEY_COUNT = 2

/** A key and since when it is used, in ms since 1970. */
export interface TicketKey {
  readonly createdAt: number
  readonly key: Buffer
}

/** What a client gets. */
export interface NewTicket {
  /** 32 bytes. */
  readonly masterKey: Buffer
  /** 112 bytes. */
  readonly ticket: Buffer
}

/** What stood in a ticket. */
export interface OpenedTicket {
  /** 32 bytes. */
  readonly masterKey: Buffer
  /** Up to when it is good, in ms since 1970. */
  readonly expiresAt: number
}

/** Issues tickets and opens them. A key is used for seven days, and opens tickets as long again. */
export class TicketKeys {
  readonly #password: Uint8Array
  readonly #random: Random
  readonly #onRotate: (keys: readonly TicketKey[]) => void
  /** The newest first. */
  #keys: readonly TicketKey[]

  /**
   * Goes on with `keys`, the newest first; `onRotate` hears the keys whenever one is made. Tickets are good for the server's `password` alone, k_B: whoever
   * may no longer know it would else come back for ever, each time by the ticket of the last.
   */
  constructor(
    keys: readonly TicketKey[],
    password: Uint8Array,
    random: Random,
    onRotate: (keys: readonly TicketKey[]) => void,
  ) {
    this.#keys = keys
    this.#password = password
    this.#random = random
    this.#onRotate = onRotate
  }

  /** Makes a key where there is none, or the newest has had its time; `now` is in ms since 1970. */
  rotate(now: number): void {
    const newest = this.#keys[0]
    // A clock that was far ahead when the key was made must not keep it for ever.
    if (newest !== undefined && Math.abs(now - newest.createdAt) < TICKET_LIFE_MS) return
    const made = { createdAt: now, key: randomBytes(this.#random, TICKET_KEY_LENGTH) }
    this.#keys = [made, ...this.#keys].slice(0, KEPT_KEY_COUNT)
    this.#onRotate(this.#keys)
  }

  /** Makes a ticket for a new master key. */
  issue(now: number): NewTicket {
    this.rotate(now)
    const { key } = this.#keys[0]!
    const masterKey = randomBytes(this.#random, MASTER_KEY_LENGTH)
    const state = Buffer.alloc(STATE_LENGTH)
    state.writeUInt32LE(Math.floor(now / MS_PER_SECOND) >>> 0)
    state.set(IDENTIFIER, 4)
    state.set(masterKey, MASTER_KEY_AT)
    const iv = randomBytes(this.#random, IV_LENGTH)
    const cipher = createCipheriv('aes-128-cbc', key.subarray(0, CIPHER_KEY_LENGTH), iv).setAutoPadding(false)
    const sealed = Buffer.concat([iv, cipher.update(state), cipher.final()])
    state.fill(0)
    return { masterKey, ticket: Buffer.concat([sealed, this.#macOf(sealed, key)]) }
  }

  /** Opens the 112 bytes of a ticket; undefined for what we did not make, and what has expired. */
  open(ticket: Uint8Array, now: number): OpenedTicket | undefined {
    if (ticket.length !== TICKET_LENGTH) return undefined
    const sealed = ticket.subarray(0, SEALED_LENGTH)
    const mac = ticket.subarray(SEALED_LENGTH)
    const match = this.#keys.find(({ key }) => constantTimeEqual(mac, this.#macOf(sealed, key)))
    if (match === undefined) return undefined
    const iv = sealed.subarray(0, IV_LENGTH)
    const decipher = createDecipheriv('aes-128-cbc', match.key.subarray(0, CIPHER_KEY_LENGTH), iv).setAutoPadding(false)
    const state = Buffer.concat([decipher.update(sealed.subarray(IV_LENGTH)), decipher.final()])
    if (!state.subarray(4, MASTER_KEY_AT).equals(IDENTIFIER)) return undefined
    const issuedAt = state.readUInt32LE() * MS_PER_SECOND
    const masterKey = Buffer.from(state.subarray(MASTER_KEY_AT, MASTER_KEY_AT + MASTER_KEY_LENGTH))
    state.fill(0)
    const expiresAt = issuedAt + TICKET_LIFE_MS
    // One from the future was made while the clock was ahead: it would outlive its time.
    return now < expiresAt && now > issuedAt - TICKET_LIFE_MS ? { masterKey, expiresAt } : undefined
  }
  #macOf(sealed: Uint8Array, key: Uint8Array): Buffer {
    return hmacSha256(hmacSha256(key.subarray(CIPHER_KEY_LENGTH), this.#password), sealed)
  }
}
