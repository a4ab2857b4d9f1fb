import { UNIFORM_DH_LENGTH, type UniformDhKeyPair } from '../../crypto/uniform-dh.ts'
import { GatherBuffer } from '../../util/gather-buffer.ts'
import type { Random } from '../../util/random.ts'
import { MAC_LENGTH, MAX_HANDSHAKE_LENGTH, TICKET_LENGTH } from './constants.ts'
import {
  type HandshakeMac,
  MarkSearch,
  type SessionKeys,
  agreeOnKeys,
  deriveSessionKeys,
  makeMessage,
  ticketMac,
} from './handshake.ts'
import type { OpenedTicket, TicketKeys } from './ticket-keys.ts'

/** A client that proved itself. `rest` came behind its message and is packets already. All buffers are the caller's. */
export type RecognisedHello =
  | {
      readonly kind: 'uniform-dh'
      readonly publicValue: Buffer
      /** What the replay filter remembers, under the hour that it was made in. */
      readonly mac: Buffer
      readonly epochHour: number
      readonly rest: Buffer
    }
  | {
      readonly kind: 'ticket'
      /** What the filter of redeemed tickets remembers. */
      readonly ticket: Buffer
      readonly expiresAt: number
      readonly keys: SessionKeys
      readonly rest: Buffer
    }

/** When bytes arrived. */
export interface Arrival {
  /** In ms since 1970. */
  readonly now: number
  readonly epochHour: number
}

type Progress = RecognisedHello | 'incomplete' | 'unrecognised'

interface TicketCandidate extends OpenedTicket {
  readonly ticket: Buffer
  readonly keys: SessionKeys
  readonly mac: HandshakeMac
  readonly search: MarkSearch
}

/** Recognises a client's message in whatever chopping: one that begins with a ticket of ours, or else with a UniformDH value. */
export class HelloReader {
  readonly #mac: HandshakeMac
  readonly #ticketKeys: TicketKeys
  readonly #received = new GatherBuffer(MAX_HANDSHAKE_LENGTH)
  readonly #search: MarkSearch
  /** Of the first 112 bytes; null when they are none. */
  #candidate: TicketCandidate | null | undefined

  constructor(mac: HandshakeMac, ticketKeys: TicketKeys) {
    this.#mac = mac
    this.#ticketKeys = ticketKeys
    this.#search = new MarkSearch(mac, UNIFORM_DH_LENGTH)
  }

  /** Takes wire bytes. 'unrecognised' is final. */
  receive(bytes: Uint8Array, arrival: Arrival): Progress {
    const taken = this.#received.append(bytes)
    const received = this.#received.bytes
    let progress = this.#recognise(received, arrival, bytes.subarray(taken))
    if (progress === 'incomplete' && received.length < MAX_HANDSHAKE_LENGTH) return progress
    if (progress === 'incomplete') progress = 'unrecognised'
    this.#received.clear()
    return progress
  }

  #recognise(received: Buffer, arrival: Arrival, beyond: Uint8Array): Progress {
    if (received.length < TICKET_LENGTH) return 'incomplete'
    // Once, and not for each read: null stays null.
    if (this.#candidate === undefined) this.#candidate = this.#openTicket(received.subarray(0, TICKET_LENGTH), arrival)
    const { mac, search } = this.#candidate ?? { mac: this.#mac, search: this.#search }
    const end = search.find(received)
    if (end === undefined) return 'incomplete'
    const macAt = end - MAC_LENGTH
    const macOfClient = received.subarray(macAt, end)
    const epochHour = mac.verify(received.subarray(0, macAt), macOfClient, arrival.epochHour)
    if (epochHour === undefined) return 'unrecognised'
    const rest = Buffer.concat([received.subarray(end), beyond])
    if (this.#candidate) {
      const { ticket, expiresAt, keys } = this.#candidate
      return { kind: 'ticket', ticket, expiresAt, keys, rest }
    }
    const publicValue = Buffer.from(received.subarray(0, UNIFORM_DH_LENGTH))
    return { kind: 'uniform-dh', publicValue, mac: Buffer.from(macOfClient), epochHour, rest }
  }

  #openTicket(bytes: Buffer, { now }: Arrival): TicketCandidate | null {
    const opened = this.#ticketKeys.open(bytes, now)
    if (opened === undefined) return null
    const keys = deriveSessionKeys(opened.masterKey)
    const mac = ticketMac(keys)
    return { ...opened, ticket: Buffer.from(bytes), keys, mac, search: new MarkSearch(mac, TICKET_LENGTH) }
  }
}

export interface AnswerParameters {
  readonly keyPair: UniformDhKeyPair
  readonly mac: HandshakeMac
  readonly random: Random
}

/** What a client of a UniformDH handshake gets, in a buffer owned by the caller. */
export interface Answer {
  /** Y ‖ P ‖ M ‖ MAC: 224 to 1,532 bytes. */
  readonly message: Buffer
  readonly keys: SessionKeys
}

/** Makes the answer to a UniformDH handshake, for the client's own epoch hour; undefined when its value gives no secret. Uses up the key pair. */
export function answerHello(
  { publicValue, epochHour }: Pick<RecognisedHello & { kind: 'uniform-dh' }, 'publicValue' | 'epochHour'>,
  { keyPair, mac, random }: AnswerParameters,
): Answer | undefined {
  const keys = agreeOnKeys(keyPair, publicValue)
  return keys && { message: makeMessage(keyPair.publicValue, mac, epochHour, random), keys }
}
