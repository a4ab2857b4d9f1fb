import { constantTimeEqual } from '../../crypto/constant-time.ts'
import { UNIFORM_DH_LENGTH, type UniformDhKeyPair } from '../../crypto/uniform-dh.ts'
import { GatherBuffer } from '../../util/gather-buffer.ts'
import type { Random } from '../../util/random.ts'
import { MAC_LENGTH, MAX_HANDSHAKE_LENGTH } from './constants.ts'
import { type HandshakeMac, MarkSearch, type SessionKeys, agreeOnKeys, makeMessage } from './handshake.ts'

export interface ClientHandshakeParameters {
  readonly mac: HandshakeMac
  readonly keyPair: UniformDhKeyPair
  /** The hour in which the message is made; the answer's MAC is for the same one. */
  readonly epochHour: number
  readonly random: Random
}

/** `rest` follows the server's message and is packets already. */
export type ClientProgress =
  | { readonly state: 'incomplete' }
  | { readonly state: 'failed'; readonly reason: string }
  | { readonly state: 'done'; readonly keys: SessionKeys; readonly rest: Buffer }

const INCOMPLETE: ClientProgress = Object.freeze({ state: 'incomplete' })

/** The client's side of a UniformDH handshake: sends X ‖ P ‖ M ‖ MAC, takes Y ‖ P ‖ M ‖ MAC in any chopping. */
export class ClientHandshake {
  readonly #parameters: ClientHandshakeParameters
  readonly #received = new GatherBuffer(MAX_HANDSHAKE_LENGTH)
  readonly #search: MarkSearch

  constructor(parameters: ClientHandshakeParameters) {
    this.#parameters = parameters
    this.#search = new MarkSearch(parameters.mac, UNIFORM_DH_LENGTH)
  }

  /** Makes the client's message: 224 to 1,532 bytes, in a new buffer owned by the caller. */
  hello(): Buffer {
    const { keyPair, mac, epochHour, random } = this.#parameters
    return makeMessage(keyPair.publicValue, mac, epochHour, random)
  }

  /** Takes wire bytes until the server's message is whole. */
  receive(bytes: Uint8Array): ClientProgress {
    const taken = this.#received.append(bytes)
    const received = this.#received.bytes
    const end = this.#search.find(received)
    if (end === undefined) {
      if (received.length < MAX_HANDSHAKE_LENGTH) return INCOMPLETE
      return { state: 'failed', reason: 'the answer has no mark of this bridge in its first 1,532 bytes' }
    }
    const rest = Buffer.concat([received.subarray(end), bytes.subarray(taken)])
    const progress = this.#complete(received.subarray(0, end), rest)
    this.#received.clear()
    return progress
  }

  /** The MAC is what proves that the server knows the password; only then is a millisecond spent on the secret. */
  #complete(message: Buffer, rest: Buffer): ClientProgress {
    const { mac, keyPair, epochHour } = this.#parameters
    const macAt = message.length - MAC_LENGTH
    if (!constantTimeEqual(message.subarray(macAt), mac.mac(message.subarray(0, macAt), epochHour))) {
      return { state: 'failed', reason: "the answer's MAC is wrong" }
    }
    const keys = agreeOnKeys(keyPair, message.subarray(0, UNIFORM_DH_LENGTH))
    if (keys === undefined) return { state: 'failed', reason: "the server's value gives no secret" }
    return { state: 'done', keys, rest }
  }
}
