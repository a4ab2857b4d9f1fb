import { type Codec, NOTHING, type Outcome, type Segment, type Step } from '../../core/codec.ts'
import { PtError } from '../../core/errors.ts'
import { FirstWord } from '../../core/first-word.ts'
import type { Clock } from '../../core/platform.ts'
import type { ReplayFilter } from '../../crypto/replay-filter.ts'
import type { UniformDhKeyPair } from '../../crypto/uniform-dh.ts'
import type { WeightedDistribution } from '../../crypto/weighted-distribution.ts'
import { type Random, uniformInteger } from '../../util/random.ts'
import { byteLengthOf } from '../../util/take-bytes.ts'
import { SERVER_HANDSHAKE_MS } from './constants.ts'
import { type Answer, HelloReader, type RecognisedHello, answerHello } from './handshake-server.ts'
import { type HandshakeMac, type SessionKeys, epochHourOf } from './handshake.ts'
import { PacketDecoder } from './packet-decoder.ts'
import { PacketEncoder } from './packet-encoder.ts'
import { FLAG_NEW_TICKET, FLAG_PRNG_SEED } from './packet-format.ts'
import { Session } from './session.ts'
import { Shaper } from './shaper.ts'
import type { NewTicket, TicketKeys } from './ticket-keys.ts'

/** How long ticket and seed wait after the answer for the client to speak, drawn anew each time, in ms. */
const GREETING_DELAY_MS = [10, 30] as const

/** What all connections of a bridge share. */
export interface Bridge {
  readonly mac: HandshakeMac
  readonly ticketKeys: TicketKeys
  /** Remembers the MACs of UniformDH handshakes. */
  readonly replayFilter: ReplayFilter
  /** Remembers tickets that were redeemed, until they expire. */
  readonly redeemedTickets: ReplayFilter
  /** 32 bytes, sent to each client. */
  readonly prngSeed: Buffer
  readonly lengths: WeightedDistribution
  /** How long after accepting a stream that was not recognised is ended: the same for every one. */
  readonly silenceMs: number
  readonly clock: Clock
  readonly random: Random
  takeKeyPair(): UniformDhKeyPair
  /** Says that an answer is done, and that key pairs may be made. */
  replenishKeyPairs(): void
  /** Makes a client's next ticket; undefined while no more could be redeemed. */
  issueTicket(): NewTicket | undefined
  /** Hears that a filter could not take a hello. */
  onFilterError(error: PtError): void
}

type State =
  | { readonly name: 'reading'; readonly reader: HelloReader }
  | { readonly name: 'recording'; readonly hello: RecognisedHello; readonly answer: Answer | undefined }
  | { readonly name: 'silent'; readonly reason: PtError }
  | { readonly name: 'open'; readonly session: Session }

/**
 * One server connection. Until a client has proved that it knows the password or holds a ticket, and is no replay, not a byte goes out; whatever else it does,
 * it is read and dropped until one time after accepting, and then gets FIN. Only its own FIN ends it sooner.
 */
export class ServerCodec implements Codec {
  readonly #bridge: Bridge
  readonly #acceptedAt: number
  readonly #firstWord: FirstWord
  #state: State
  /** Whether ticket and seed are still to be sent. */
  #owesGreeting = false

  constructor(bridge: Bridge) {
    this.#bridge = bridge
    this.#acceptedAt = bridge.clock.monotonic()
    this.#firstWord = new FirstWord(bridge.random)
    this.#state = { name: 'reading', reader: new HelloReader(bridge.mac, bridge.ticketKeys) }
  }

  start(): Step {
    return { wakeAt: this.#acceptedAt + this.#bridge.silenceMs }
  }

  receive(bytes: Uint8Array): Step {
    const state = this.#state
    if (state.name === 'open') return this.#receivePackets(state.session, bytes)
    if (state.name !== 'reading') return NOTHING
    const { clock } = this.#bridge
    if (clock.monotonic() - this.#acceptedAt >= SERVER_HANDSHAKE_MS) {
      return this.#fallSilent('PT_HANDSHAKE_TIMEOUT', 'The client did not finish its hello in time')
    }
    const now = clock.now()
    const epochHour = epochHourOf(now)
    const progress = state.reader.receive(bytes, { now, epochHour })
    if (progress === 'incomplete') return NOTHING
    if (progress === 'unrecognised') {
      return this.#fallSilent('PT_HANDSHAKE_FAILED', 'The client does not know the password')
    }
    return this.#record(progress, epochHour)
  }

  /** The filter has, or has not, what it needs to refuse this hello another time. */
  settle(outcome: Outcome): Step {
    if (this.#state.name !== 'recording') return NOTHING
    const { hello, answer } = this.#state
    if (!outcome.ok) {
      const options = { cause: outcome.error }
      return this.#refuse(
        new PtError('PT_REPLAY_FILTER_WRITE', 'The replay filter could not record a handshake', options),
      )
    }
    if (hello.kind === 'ticket') return this.#resume(hello.keys, hello.rest)
    this.#bridge.replenishKeyPairs()
    if (answer === undefined) return this.#fallSilent('PT_HANDSHAKE_FAILED', "The client's value gives no secret")
    return this.#answer(answer, hello.rest)
  }

  wake(): Step {
    const state = this.#state
    if (state.name === 'open') {
      if (this.#owesGreeting) return { wire: this.#greeting(state.session) }
      return this.#firstWord.nudge() ? { ...state.session.pad(), wakeAt: this.#nextNudgeAt() } : NOTHING
    }
    if (state.name === 'silent') return { close: state.reason }
    return { close: new PtError('PT_HANDSHAKE_TIMEOUT', 'The client did not finish its hello in time') }
  }

  send(chunks: readonly Uint8Array[]): Step {
    if (this.#state.name !== 'open' || byteLengthOf(chunks) === 0) return NOTHING
    const { session } = this.#state
    const gap = this.#firstWord.gap(this.#bridge.clock.monotonic())
    if (gap === undefined) return session.send(chunks)
    const step = session.send(chunks, [...gap, ...this.#greeting(session)])
    return { ...step, wakeAt: this.#nextNudgeAt() }
  }

  /** Nobody waits for ticket and seed any more, and the FIN is what a client reads again for. */
  end(): Step {
    this.#owesGreeting = false
    return { wakeAt: null }
  }

  finish(): Step {
    if (this.#state.name === 'open') return this.#state.session.finish()
    if (this.#state.name === 'silent') return { close: this.#state.reason }
    return { close: new PtError('PT_TRUNCATED', 'The client ended the stream before its hello was whole') }
  }

  #record(hello: RecognisedHello, epochHour: number): Step {
    const { replayFilter, redeemedTickets, mac, random } = this.#bridge
    const result =
      hello.kind === 'ticket'
        ? redeemedTickets.insert(hello.ticket, epochHourOf(hello.expiresAt), epochHour)
        : replayFilter.insert(hello.mac, hello.epochHour, epochHour)
    if (result.verdict === 'replay') return this.#fallSilent('PT_REPLAY', 'The hello is a replay')
    if (result.verdict === 'full') {
      const error = new PtError('PT_REPLAY_FILTER_FULL', 'The replay filter has no slot left for a handshake')
      return this.#refuse(error)
    }
    // While the system writes.
    const answer =
      hello.kind === 'ticket' ? undefined : answerHello(hello, { keyPair: this.#bridge.takeKeyPair(), mac, random })
    this.#state = { name: 'recording', hello, answer }
    return { pending: () => result.recorded }
  }

  /** A client of a ticket gets no answer: ticket and seed follow at once. */
  #resume(keys: SessionKeys, rest: Buffer): Step {
    const session = this.#open(keys)
    this.#firstWord.clientSpoke()
    return { ...this.#receiveRest(session, rest), wire: this.#greeting(session), wakeAt: null, established: true }
  }

  #answer({ message, keys }: Answer, rest: Buffer): Step {
    const { clock, random } = this.#bridge
    const now = clock.monotonic()
    const session = this.#open(keys)
    this.#firstWord.answered(now)
    const wakeAt = now + uniformInteger(random, ...GREETING_DELAY_MS)
    return { ...this.#receiveRest(session, rest), wire: [{ bytes: message }], wakeAt, established: true }
  }

  #open({ clientToServer, serverToClient }: SessionKeys): Session {
    const { lengths, random } = this.#bridge
    const decoder = new PacketDecoder(clientToServer)
    const session = new Session(decoder, new Shaper(new PacketEncoder(serverToClient), () => lengths, random))
    clientToServer.fill(0)
    serverToClient.fill(0)
    this.#state = { name: 'open', session }
    this.#owesGreeting = true
    return session
  }

  #receiveRest(session: Session, rest: Buffer): Step {
    return rest.length === 0 ? NOTHING : session.receive(rest)
  }

  /** Who speaks has taken the answer. */
  #receivePackets(session: Session, bytes: Uint8Array): Step {
    this.#firstWord.clientSpoke()
    const step = session.receive(bytes)
    if (!this.#owesGreeting) return step
    return { ...step, wire: this.#greeting(session), wakeAt: null }
  }

  /**
   * Makes ticket and seed, a segment each, if they are owed. They go neither with the answer nor right behind it: obfs4proxy's client looks at what came in
   * one read with the answer only after another read.
   */
  #greeting(session: Session): Segment[] {
    if (!this.#owesGreeting) return []
    this.#owesGreeting = false
    const segments: Segment[] = []
    const issued = this.#bridge.issueTicket()
    if (issued !== undefined) {
      segments.push(session.packet(FLAG_NEW_TICKET, Buffer.concat([issued.masterKey, issued.ticket])))
    }
    segments.push(session.packet(FLAG_PRNG_SEED, this.#bridge.prngSeed))
    return segments
  }

  #nextNudgeAt(): number | null {
    return this.#firstWord.nextNudgeAt(this.#bridge.clock.monotonic()) ?? null
  }

  #refuse(error: PtError): Step {
    this.#bridge.onFilterError(error)
    return this.#fallSilent(error.code, error.message)
  }

  #fallSilent(code: PtError['code'], message: string): Step {
    this.#state = { name: 'silent', reason: new PtError(code, message) }
    return NOTHING
  }
}
