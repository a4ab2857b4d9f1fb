import { constantTimeEqual } from '../../crypto/constant-time.ts'
import { representativeToPublicKey } from '../../crypto/elligator2.ts'
import { ntorKeys, ntorServer } from '../../crypto/ntor.ts'
import type { X25519PrivateKey } from '../../crypto/x25519.ts'
import { GatherBuffer } from '../../util/gather-buffer.ts'
import { type Random, randomBytes, uniformInteger } from '../../util/random.ts'
import type { BridgeIdentity } from './cert.ts'
import {
  CLIENT_MIN_HANDSHAKE_LENGTH,
  MAC_LENGTH,
  MARK_LENGTH,
  MAX_HANDSHAKE_LENGTH,
  REPRESENTATIVE_LENGTH,
  SERVER_MAX_PAD_LENGTH,
} from './constants.ts'
import type { HandshakeMac, SessionKeyPair } from './handshake.ts'

/** A bridge's identity with its private key b, imported once. */
export interface ServerKey extends BridgeIdentity {
  readonly privateKey: X25519PrivateKey
}

/** A client that knows the bridge line. Its MAC is what the replay filter remembers, under the hour that it was made in. */
export interface RecognisedHello {
  readonly representative: Buffer
  readonly mac: Buffer
  readonly epochHour: number
}

/**
 * Recognises a client's hello in whatever chopping. A hello is known by its tail alone: the last bytes received must be its mark and
 * MAC, so nothing may follow it before the answer.
 */
export class HelloReader {
  readonly #mac: HandshakeMac
  readonly #received = new GatherBuffer(MAX_HANDSHAKE_LENGTH)
  #mark: Buffer | undefined

  constructor(mac: HandshakeMac) {
    this.#mac = mac
  }

  /** Takes wire bytes at the epoch hour of their arrival. 'unrecognised' is final. */
  receive(bytes: Uint8Array, epochHour: number): RecognisedHello | 'incomplete' | 'unrecognised' {
    const taken = this.#received.append(bytes)
    const hello = this.#received.bytes
    const progress = this.#recognise(hello, epochHour)
    if (progress === 'incomplete' && hello.length < MAX_HANDSHAKE_LENGTH) return progress
    this.#received.clear()
    if (progress === 'incomplete' || taken < bytes.byteLength) return 'unrecognised'
    return progress
  }

  #recognise(hello: Buffer, epochHour: number): RecognisedHello | 'incomplete' | 'unrecognised' {
    if (hello.length < CLIENT_MIN_HANDSHAKE_LENGTH) return 'incomplete'
    const representative = hello.subarray(0, REPRESENTATIVE_LENGTH)
    this.#mark ??= this.#mac.mark(representative)
    const macAt = hello.length - MAC_LENGTH
    const withMark = hello.subarray(0, macAt)
    if (!constantTimeEqual(withMark.subarray(macAt - MARK_LENGTH), this.#mark)) return 'incomplete'
    const mac = hello.subarray(macAt)
    const matched = this.#mac.verify(withMark, mac, epochHour)
    if (matched === undefined) return 'unrecognised'
    return { representative: Buffer.from(representative), mac: Buffer.from(mac), epochHour: matched }
  }
}

export interface AnswerParameters {
  readonly key: ServerKey
  readonly keyPair: SessionKeyPair
  readonly mac: HandshakeMac
  readonly random: Random
}

/** What a recognised client gets. Both buffers belong to the caller. */
export interface Answer {
  /** Y' ‖ AUTH ‖ P_S ‖ M_S ‖ MAC_S: 96 to 8,147 bytes. */
  readonly message: Buffer
  /** The 144 bytes of both directions' keys. */
  readonly keys: Buffer
}

/** Makes the answer to a hello; undefined when the client's key is of low order. */
export function answerHello(
  { representative, epochHour }: RecognisedHello,
  { key, keyPair, mac, random }: AnswerParameters,
): Answer | undefined {
  const result = ntorServer({
    privateKey: keyPair.privateKey,
    publicKey: keyPair.publicKey,
    clientPublicKey: representativeToPublicKey(representative),
    identityPrivateKey: key.privateKey,
    identity: key.publicKey,
    nodeId: key.nodeId,
  })
  if (result === undefined) return undefined
  const pad = randomBytes(random, uniformInteger(random, 0, SERVER_MAX_PAD_LENGTH))
  const withMark = Buffer.concat([keyPair.representative, result.auth, pad, mac.mark(keyPair.representative)])
  return { message: Buffer.concat([withMark, mac.mac(withMark, epochHour)]), keys: ntorKeys(result.keySeed) }
}
