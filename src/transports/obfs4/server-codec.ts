import { type Codec, NOTHING, type Outcome, type Step } from '../../core/codec.ts'
import { PtError } from '../../core/errors.ts'
import { FirstWord } from '../../core/first-word.ts'
import type { Clock } from '../../core/platform.ts'
import type { ReplayFilter } from '../../crypto/replay-filter.ts'
import type { Random } from '../../util/random.ts'
import { SERVER_HANDSHAKE_MS } from './constants.ts'
import { FRAME_KEY_LENGTH } from './frame-format.ts'
import { createFrameDecoder, createFrameEncoder, PACKET_TYPE_PRNG_SEED } from './framing.ts'
import { type Answer, HelloReader, type RecognisedHello, type ServerKey, answerHello } from './handshake-server.ts'
import { type HandshakeMac, type SessionKeyPair, epochHourOf } from './handshake.ts'
import type { IatMode } from './options.ts'
import { Session } from './session.ts'
import { type ShapeTables, Shaper } from './shaper.ts'

/** What all connections of a bridge share. */
export interface Bridge {
  readonly key: ServerKey
  readonly mac: HandshakeMac
  readonly replayFilter: ReplayFilter
  /** 24 bytes, sent to each client. */
  readonly prngSeed: Buffer
  readonly tables: ShapeTables
  readonly iatMode: IatMode
  /** How long after accepting a stream that was not recognised is ended: the same for every one. */
  readonly silenceMs: number
  readonly clock: Clock
  readonly random: Random
  takeKeyPair(): SessionKeyPair
  /** Says that an answer is done, and that key pairs may be made. */
  replenishKeyPairs(): void
  /** Hears that the filter could not take a hello. */
  onFilterError(error: PtError): void
}

type State =
  | { readonly name: 'reading'; readonly reader: HelloReader }
  | { readonly name: 'recording'; readonly answer: Answer | undefined }
  | { readonly name: 'silent'; readonly reason: PtError }
  | { readonly name: 'open'; readonly session: Session }

/**
 * One server connection. Until a client has proved that it knows the bridge line, and is no replay, not a byte goes out; whatever
 * else it does, it is read and dropped until one time after accepting, and then gets FIN. Only its own FIN ends it sooner.
 */
export class ServerCodec implements Codec {
  readonly #bridge: Bridge
  readonly #acceptedAt: number
  readonly #firstWord: FirstWord
  #state: State

  constructor(bridge: Bridge) {
    this.#bridge = bridge
    this.#acceptedAt = bridge.clock.monotonic()
    this.#firstWord = new FirstWord(bridge.random)
    this.#state = { name: 'reading', reader: new HelloReader(bridge.mac) }
  }

  start(): Step {
    return { wakeAt: this.#acceptedAt + this.#bridge.silenceMs }
  }

  receive(bytes: Uint8Array): Step {
    const state = this.#state
    if (state.name === 'open') {
      this.#firstWord.clientSpoke()
      return state.session.receive(bytes)
    }
    if (state.name !== 'reading') return NOTHING
    const { clock } = this.#bridge
    if (clock.monotonic() - this.#acceptedAt >= SERVER_HANDSHAKE_MS) {
      return this.#fallSilent('PT_HANDSHAKE_TIMEOUT', 'The client did not finish its hello in time')
    }
    const epochHour = epochHourOf(clock.now())
    const progress = state.reader.receive(bytes, epochHour)
    if (progress === 'incomplete') return NOTHING
    if (progress === 'unrecognised') {
      return this.#fallSilent('PT_HANDSHAKE_FAILED', 'The client does not know the bridge line')
    }
    return this.#record(progress, epochHour)
  }

  /** The filter has, or has not, what it needs to refuse this hello another time. */
  settle(outcome: Outcome): Step {
    if (this.#state.name !== 'recording') return NOTHING
    if (outcome.ok) return this.#answer(this.#state.answer)
    this.#state.answer?.keys.fill(0)
    const options = { cause: outcome.error }
    const error = new PtError('PT_REPLAY_FILTER_WRITE', 'The replay filter could not record a handshake', options)
    this.#bridge.onFilterError(error)
    return this.#fallSilent(error.code, error.message)
  }

  wake(): Step {
    const state = this.#state
    if (state.name === 'open') {
      return this.#firstWord.nudge() ? { ...state.session.pad(), wakeAt: this.#nextNudgeAt() } : NOTHING
    }
    if (state.name === 'silent') return { close: state.reason }
    return { close: new PtError('PT_HANDSHAKE_TIMEOUT', 'The client did not finish its hello in time') }
  }

  send(chunks: readonly Uint8Array[]): Step {
    if (this.#state.name !== 'open') return NOTHING
    const gap = this.#firstWord.gap(this.#bridge.clock.monotonic())
    const step = this.#state.session.send(chunks, gap)
    return gap === undefined ? step : { ...step, wakeAt: this.#nextNudgeAt() }
  }

  finish(): Step {
    if (this.#state.name === 'open') return this.#state.session.finish()
    if (this.#state.name === 'silent') return { close: this.#state.reason }
    return { close: new PtError('PT_TRUNCATED', 'The client ended the stream before its hello was whole') }
  }

  #record(hello: RecognisedHello, epochHour: number): Step {
    const result = this.#bridge.replayFilter.insert(hello.mac, hello.epochHour, epochHour)
    if (result.verdict === 'replay') return this.#fallSilent('PT_REPLAY', 'The hello is a replay')
    if (result.verdict === 'full') {
      const error = new PtError('PT_REPLAY_FILTER_FULL', 'The replay filter has no slot left for a handshake')
      this.#bridge.onFilterError(error)
      return this.#fallSilent(error.code, error.message)
    }
    // While the record is written, where that takes time.
    const { key, mac, random } = this.#bridge
    const answer = answerHello(hello, { key, keyPair: this.#bridge.takeKeyPair(), mac, random })
    this.#state = { name: 'recording', answer }
    return { pending: () => result.recorded }
  }

  #answer(answer: Answer | undefined): Step {
    const { random, prngSeed, tables, iatMode, clock } = this.#bridge
    this.#bridge.replenishKeyPairs()
    if (answer === undefined) return this.#fallSilent('PT_HANDSHAKE_FAILED', "The client's key is of low order")
    const { message, keys } = answer
    const decoder = createFrameDecoder(keys.subarray(0, FRAME_KEY_LENGTH), random)
    const encoder = createFrameEncoder(keys.subarray(FRAME_KEY_LENGTH))
    keys.fill(0)
    const seedFrame = encoder.encodePacket(PACKET_TYPE_PRNG_SEED, prngSeed)
    const session = new Session(decoder, new Shaper(encoder, () => tables, iatMode, random))
    this.#state = { name: 'open', session }
    this.#firstWord.answered(clock.monotonic())
    return { wire: [{ bytes: Buffer.concat([message, seedFrame]) }], wakeAt: null, established: true }
  }

  #nextNudgeAt(): number | null {
    return this.#firstWord.nextNudgeAt(this.#bridge.clock.monotonic()) ?? null
  }

  #fallSilent(code: PtError['code'], message: string): Step {
    this.#state = { name: 'silent', reason: new PtError(code, message) }
    return NOTHING
  }
}
