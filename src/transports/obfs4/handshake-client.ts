import { constantTimeEqual } from '../../crypto/constant-time.ts'
import { representativeToPublicKey } from '../../crypto/elligator2.ts'
import { ntorClient, ntorKeys } from '../../crypto/ntor.ts'
import type { X25519PublicKey } from '../../crypto/x25519.ts'
import { GatherBuffer } from '../../util/gather-buffer.ts'
import { type Random, uniformInteger } from '../../util/random.ts'
import type { BridgeIdentity } from './cert.ts'
import {
  AUTH_LENGTH,
  CLIENT_MAX_PAD_LENGTH,
  CLIENT_MIN_PAD_LENGTH,
  MAC_LENGTH,
  MARK_LENGTH,
  MAX_HANDSHAKE_LENGTH,
  REPRESENTATIVE_LENGTH,
} from './constants.ts'
import { HandshakeMac, type SessionKeyPair } from './handshake.ts'
import type { PaddingStyle } from './padding.ts'

export interface ClientHandshakeParameters {
  readonly bridge: BridgeIdentity
  /** The bridge's public key, where it is imported already. */
  readonly importedIdentity?: X25519PublicKey | undefined
  readonly keyPair: SessionKeyPair
  readonly padding: PaddingStyle
  /** The hour in which the hello is made; the answer's MAC is for the same one. */
  readonly epochHour: number
  readonly random: Random
}

/** `keys` are the 144 bytes of both directions; `rest` follows the server's message and is frames already. */
export type ClientProgress =
  | { readonly state: 'incomplete' }
  | { readonly state: 'failed'; readonly reason: string }
  | { readonly state: 'done'; readonly keys: Buffer; readonly rest: Buffer }

const INCOMPLETE: ClientProgress = Object.freeze({ state: 'incomplete' })

/** The client's side of one handshake: sends X' ‖ P_C ‖ M_C ‖ MAC_C, takes Y' ‖ AUTH ‖ P_S ‖ M_S ‖ MAC_S in any chopping. */
export class ClientHandshake {
  readonly #parameters: ClientHandshakeParameters
  readonly #mac: HandshakeMac
  readonly #received = new GatherBuffer(MAX_HANDSHAKE_LENGTH)
  #mark: Buffer | undefined
  /** Where the search for the mark goes on. */
  #searched = REPRESENTATIVE_LENGTH + AUTH_LENGTH

  constructor(parameters: ClientHandshakeParameters) {
    this.#parameters = parameters
    this.#mac = new HandshakeMac(parameters.bridge)
  }

  /** Makes the hello: 141 to 8,192 bytes, in a new buffer owned by the caller. */
  hello(): Buffer {
    const { keyPair, padding, epochHour, random } = this.#parameters
    const { representative } = keyPair
    const pad = Buffer.allocUnsafe(uniformInteger(random, CLIENT_MIN_PAD_LENGTH, CLIENT_MAX_PAD_LENGTH))
    for (;;) {
      padding.fill(pad, representative)
      const withMark = Buffer.concat([representative, pad, this.#mac.mark(representative)])
      const hello = Buffer.concat([withMark, this.#mac.mac(withMark, epochHour)])
      if (padding.accepts(hello)) return hello
    }
  }

  /** Takes wire bytes until the server's message is whole. */
  receive(bytes: Uint8Array): ClientProgress {
    const taken = this.#received.append(bytes)
    const message = this.#received.bytes
    if (message.length < REPRESENTATIVE_LENGTH + AUTH_LENGTH) return INCOMPLETE
    this.#mark ??= this.#mac.mark(message.subarray(0, REPRESENTATIVE_LENGTH))
    const markAt = message.indexOf(this.#mark, this.#searched)
    const end = markAt + MARK_LENGTH + MAC_LENGTH
    if (markAt === -1 || end > message.length) {
      if (message.length >= MAX_HANDSHAKE_LENGTH) {
        return { state: 'failed', reason: 'the answer has no mark of this bridge in its first 8,192 bytes' }
      }
      this.#searched = Math.max(this.#searched, message.length - MARK_LENGTH - MAC_LENGTH)
      return INCOMPLETE
    }
    const rest = Buffer.concat([message.subarray(end), bytes.subarray(taken)])
    const progress = this.#complete(message.subarray(0, end), rest)
    this.#received.clear()
    return progress
  }

  #complete(message: Buffer, rest: Buffer): ClientProgress {
    const { bridge, importedIdentity, keyPair, epochHour } = this.#parameters
    const macAt = message.length - MAC_LENGTH
    if (!constantTimeEqual(message.subarray(macAt), this.#mac.mac(message.subarray(0, macAt), epochHour))) {
      return { state: 'failed', reason: "the answer's MAC is wrong" }
    }
    const result = ntorClient({
      privateKey: keyPair.privateKey,
      publicKey: keyPair.publicKey,
      serverPublicKey: representativeToPublicKey(message.subarray(0, REPRESENTATIVE_LENGTH)),
      identity: bridge.publicKey,
      importedIdentity,
      nodeId: bridge.nodeId,
    })
    const auth = message.subarray(REPRESENTATIVE_LENGTH, REPRESENTATIVE_LENGTH + AUTH_LENGTH)
    if (result === undefined || !constantTimeEqual(auth, result.auth)) {
      return { state: 'failed', reason: 'the server did not prove that it holds the key of the bridge line' }
    }
    return { state: 'done', keys: ntorKeys(result.keySeed), rest }
  }
}
