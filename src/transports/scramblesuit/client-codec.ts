import { type Codec, NOTHING, type Outcome, type Step } from '../../core/codec.ts'
import { PtError } from '../../core/errors.ts'
import type { Clock } from '../../core/platform.ts'
import type { UniformDhKeyPair } from '../../crypto/uniform-dh.ts'
import type { WeightedDistribution } from '../../crypto/weighted-distribution.ts'
import type { Random } from '../../util/random.ts'
import { MASTER_KEY_LENGTH } from './constants.ts'
import { ClientHandshake } from './handshake-client.ts'
import { HandshakeMac, type SessionKeys, deriveSessionKeys, epochHourOf, makeMessage, ticketMac } from './handshake.ts'
import { PacketDecoder } from './packet-decoder.ts'
import { PacketEncoder } from './packet-encoder.ts'
import { Session } from './session.ts'
import { Shaper } from './shaper.ts'
import type { SessionTicket } from './ticket-store.ts'

/** What one connection needs of its factory. */
export interface ClientParameters {
  /** k_B: 20 bytes. */
  readonly password: Uint8Array
  readonly clock: Clock
  readonly random: Random
  takeKeyPair(): UniformDhKeyPair
  /** Says that the hello leaves, and that key pairs may be made. */
  replenishKeyPairs(): void
  /** Whether there may be a ticket, so that no key pair need be ready. */
  readonly expectsTicket: boolean
  /** Takes the server's ticket out of the store. */
  takeTicket(): Promise<SessionTicket | undefined>
  /** Keeps a new one. */
  keepTicket(ticket: SessionTicket): void
  /** The table for what is sent before the server's seed has come. */
  firstLengths(): WeightedDistribution
  lengthsOf(seed: Buffer): WeightedDistribution
}

type State =
  | { readonly name: 'asking' }
  | { readonly name: 'agreeing'; readonly handshake: ClientHandshake }
  /** The ticket has left, and nothing authentic has come. */
  | { readonly name: 'resuming'; readonly session: Session }
  | { readonly name: 'open'; readonly session: Session }

/**
 * One client connection. A key pair is there before the stream is dialled, so that no time on the wire shows how it was made. A ticket takes no answer; still the
 * connection is open only with the server's first packet, which it sends at once: who holds no key to that ticket keeps silent.
 */
export class ClientCodec implements Codec {
  readonly #parameters: ClientParameters
  #keyPair: UniformDhKeyPair | undefined
  #state: State = { name: 'asking' }
  #isAuthentic = false

  constructor(parameters: ClientParameters) {
    this.#parameters = parameters
    if (!parameters.expectsTicket) this.#keyPair = parameters.takeKeyPair()
  }

  /** A ticket must have left the store before it is used. */
  start(): Step {
    return { pending: () => this.#parameters.takeTicket() }
  }

  settle(outcome: Outcome): Step {
    const { clock, random, password } = this.#parameters
    const ticket = outcome.ok ? (outcome.value as SessionTicket | undefined) : undefined
    // Made only now: a slow dial must not carry it into a later hour.
    const epochHour = epochHourOf(clock.now())
    const keyPair = this.#keyPair
    this.#keyPair = undefined
    if (ticket !== undefined) return this.#redeem(ticket, epochHour)
    const handshake = new ClientHandshake({
      mac: new HandshakeMac(password),
      keyPair: keyPair ?? this.#parameters.takeKeyPair(),
      epochHour,
      random,
    })
    this.#state = { name: 'agreeing', handshake }
    // From here on the server has work to do, and this side none.
    this.#parameters.replenishKeyPairs()
    return { wire: [{ bytes: handshake.hello() }] }
  }

  receive(bytes: Uint8Array): Step {
    const state = this.#state
    if (state.name === 'open') return state.session.receive(bytes)
    if (state.name === 'resuming') return this.#resume(state.session, bytes)
    if (state.name === 'asking') return NOTHING
    const progress = state.handshake.receive(bytes)
    if (progress.state === 'incomplete') return NOTHING
    if (progress.state === 'failed') {
      return { close: new PtError('PT_HANDSHAKE_FAILED', `The handshake failed: ${progress.reason}`) }
    }
    const session = this.#open(progress.keys)
    this.#state = { name: 'open', session }
    return { ...session.receive(progress.rest), established: true }
  }

  send(chunks: readonly Uint8Array[]): Step {
    return this.#state.name === 'open' ? this.#state.session.send(chunks) : NOTHING
  }

  finish(): Step {
    if (this.#state.name === 'open') return this.#state.session.finish()
    return { close: new PtError('PT_TRUNCATED', 'The server ended the stream before the handshake was done') }
  }

  #redeem({ masterKey, ticket }: SessionTicket, epochHour: number): Step {
    const keys = deriveSessionKeys(masterKey)
    const hello = makeMessage(ticket, ticketMac(keys), epochHour, this.#parameters.random)
    this.#state = { name: 'resuming', session: this.#open(keys) }
    return { wire: [{ bytes: hello }] }
  }

  #resume(session: Session, bytes: Uint8Array): Step {
    const step = session.receive(bytes)
    if (!this.#isAuthentic) {
      if (step.close === undefined) return NOTHING
      return {
        close: new PtError('PT_HANDSHAKE_FAILED', 'The handshake failed: the answer to a ticket is not authentic'),
      }
    }
    this.#state = { name: 'open', session }
    return { ...step, established: true }
  }

  #open({ clientToServer, serverToClient }: SessionKeys): Session {
    const { random } = this.#parameters
    const shaper = new Shaper(new PacketEncoder(clientToServer), () => this.#parameters.firstLengths(), random)
    const decoder = new PacketDecoder(serverToClient)
    clientToServer.fill(0)
    serverToClient.fill(0)
    return new Session(decoder, shaper, {
      onAuthentic: () => {
        this.#isAuthentic = true
      },
      onSeed: (seed) => {
        shaper.lengths = this.#parameters.lengthsOf(seed)
      },
      onTicket: (newTicket) => {
        this.#parameters.keepTicket({
          masterKey: newTicket.subarray(0, MASTER_KEY_LENGTH),
          ticket: newTicket.subarray(MASTER_KEY_LENGTH),
        })
      },
    })
  }
}
