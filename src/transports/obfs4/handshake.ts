import { constantTimeEqual } from '../../crypto/constant-time.ts'
import { type ElligatorKeyPair, generateElligatorKeyPair } from '../../crypto/elligator2.ts'
import { hmacSha256 } from '../../crypto/hkdf.ts'
import { type X25519PrivateKey, importX25519PrivateKey } from '../../crypto/x25519.ts'
import type { Random } from '../../util/random.ts'
import type { BridgeIdentity } from './cert.ts'
import { MAC_LENGTH, MARK_LENGTH } from './constants.ts'

/** A session key pair ready for its handshake: the private key is imported, so that neither side's answer waits for that. */
export interface SessionKeyPair extends Pick<ElligatorKeyPair, 'publicKey' | 'representative'> {
  readonly privateKey: X25519PrivateKey
}

/** Makes a session key pair for the pool. */
export function makeSessionKeyPair(random: Random): SessionKeyPair {
  const { privateKey, publicKey, representative } = generateElligatorKeyPair(random)
  const imported = importX25519PrivateKey(privateKey)
  privateKey.fill(0)
  return { privateKey: imported, publicKey, representative }
}

const MS_PER_HOUR = 3_600_000

/** The epoch hour of a wall time in ms: whole hours since 1970. */
export function epochHourOf(wallMs: number): number {
  return Math.floor(wallMs / MS_PER_HOUR)
}

/** The marks and MACs of both messages: HMAC-SHA256 under B ‖ ID, cut to 16 bytes. Whoever lacks the bridge line can make neither. */
export class HandshakeMac {
  readonly #key: Buffer

  constructor({ publicKey, nodeId }: BridgeIdentity) {
    this.#key = Buffer.concat([publicKey, nodeId])
  }

  /** Computes the mark (M_C, M_S) of a representative: 16 bytes. */
  mark(representative: Uint8Array): Buffer {
    return hmacSha256(this.#key, representative).subarray(0, MARK_LENGTH)
  }

  /** Computes the MAC of a message up to and with its mark, for an epoch hour: 16 bytes. */
  mac(messageWithMark: Uint8Array, epochHour: number): Buffer {
    return hmacSha256(this.#key, messageWithMark, Buffer.from(String(epochHour))).subarray(0, MAC_LENGTH)
  }

  /** Says which of the hours E, E-1, E+1 a MAC was made in, tried in this order: its time tells of the client's clock alone. */
  verify(messageWithMark: Uint8Array, mac: Uint8Array, epochHour: number): number | undefined {
    return [epochHour, epochHour - 1, epochHour + 1].find((hour) =>
      constantTimeEqual(mac, this.mac(messageWithMark, hour)),
    )
  }
}
