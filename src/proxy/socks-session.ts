import type { Duplex } from 'node:stream'
import { PtError } from '../core/errors.ts'
import type { ByteStream, Clock, Timer } from '../core/platform.ts'
import type { Arguments, Logger } from '../core/transport.ts'
import { SOCKS_REPLY } from '../wire/socks.ts'
import { relay } from './relay.ts'
import { type RefusalCause, SocksNegotiation, type SocksRequest } from './socks-negotiation.ts'
import { socksReplyFor } from './socks-reply.ts'

/** Limit of a request, from accept to its last byte, in ms. */
const REQUEST_TIMEOUT_MS = 10_000
/** How long a refused client's bytes are read and dropped, so that no reset overtakes the reply; in ms. */
const REFUSAL_DRAIN_MS = 1_000

/** A connection under way or made, as a ClientFactory gives it: 'connect' is emitted once it is there, 'error' if it fails. */
export type Connecting = Duplex & { readonly connecting: boolean }

/** How clients of a SOCKS listener are served. */
export interface SocksService {
  /**
   * Begins the connection that a client asked for, with allowHalfOpen. It may throw: PT_OPTION_* from arguments in JSON is answered
   * by 0x13, everything else by the reply that fits. The server owns the result.
   */
  readonly connect: (request: SocksRequest) => Connecting
  /** Throws when a JSON parameter block does not suit the transport; it is then answered before the request has come. */
  readonly checkParameters?: ((parameters: Arguments) => void) | undefined
  /** Hears of each client that is connected and of each failure: a reason and a code, no address and no argument. */
  readonly logger?: Logger | undefined
  /** Whether events hold destinations, arguments and the messages of errors all the same. */
  readonly unsafeLogging?: boolean | undefined
  /** Limit of a request, from accept to its last byte; 10 s. In ms. */
  readonly requestTimeoutMs?: number | undefined
  /** How long a relay with one direction ended goes on without a byte; 60 s. In ms. */
  readonly lingerMs?: number | undefined
}

type SessionParameters = SocksService & {
  readonly clock: Clock
  /** Hears of the connection that the session makes, before it is connected. */
  readonly onConnecting: (connection: Connecting) => void
}

type UnsafeFacts = Pick<SocksRequest, 'arguments'> & Partial<SocksRequest>

/** One client of a SOCKS listener, from its first byte to the relay. It owns the stream. */
export class SocksSession {
  readonly #stream: ByteStream
  readonly #parameters: SessionParameters
  #negotiation: SocksNegotiation
  #timer: Timer

  constructor(stream: ByteStream, parameters: SessionParameters) {
    this.#stream = stream
    this.#parameters = parameters
    this.#negotiation = new SocksNegotiation(parameters.checkParameters)
    const limitMs = parameters.requestTimeoutMs ?? REQUEST_TIMEOUT_MS
    this.#timer = parameters.clock.setTimer(() => this.#expire(), limitMs, { ref: false })
    stream.setNoDelay?.(true)
    // Its 'close' follows, which is what is acted on.
    stream.on('error', ignore)
    stream.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose)
    stream.resume()
  }

  readonly #onData = (bytes: Buffer): void => {
    const step = this.#negotiation.receive(bytes)
    if (step.state === 'refused') this.#refuse(step.wire, this.#factsOf(step.reason, step.cause))
    else if (step.wire.length > 0) this.#stream.write(step.wire)
    if (step.state === 'requested') this.#connect(step.request, step.ahead)
  }

  readonly #onEnd = (): void => this.#refuse(Buffer.alloc(0), { reason: 'the client ended before its request' })

  readonly #onClose = (): void => this.#timer.cancel()

  #expire(): void {
    this.#refuse(this.#negotiation.expire(), { reason: 'the request took too long' })
  }

  #connect(request: SocksRequest, ahead: Buffer): void {
    const stream = this.#stream
    this.#timer.cancel()
    stream.off('data', this.#onData).off('end', this.#onEnd)
    stream.pause()
    if (ahead.length > 0) stream.unshift(ahead)
    let connection: Connecting
    try {
      connection = this.#parameters.connect(request)
    } catch (error) {
      return this.#fail(error, request)
    }
    this.#parameters.onConnecting(connection)
    this.#await(connection, request)
  }

  #await(connection: Connecting, request: SocksRequest): void {
    const stream = this.#stream
    const abandon = (): void => void connection.destroy()
    const settle = (): void => {
      connection.off('connect', onConnect).off('error', onError).off('close', onClosed)
      stream.off('close', abandon)
    }
    const onConnect = (): void => {
      settle()
      stream.off('close', this.#onClose)
      stream.write(this.#negotiation.encodeReply(SOCKS_REPLY.succeeded))
      const { clock, lingerMs, logger } = this.#parameters
      logger?.debug?.('socks:connected', this.#unsafeFacts(request))
      void relay(stream, connection, { clock, ...(lingerMs !== undefined && { lingerMs }) })
    }
    const onError = (error: Error): void => {
      settle()
      // What a stream says after it has failed is of no interest, and must not be unheard.
      connection.on('error', ignore)
      this.#fail(error, request)
    }
    const onClosed = (): void => onError(new Error('the connection was given up'))
    connection.on('connect', onConnect).on('error', onError).on('close', onClosed)
    stream.on('close', abandon)
    if (stream.closed) abandon()
    else if (!connection.connecting) onConnect()
  }

  #fail(error: unknown, request: SocksRequest): void {
    const isOption = error instanceof PtError && error.code.startsWith('PT_OPTION_')
    const reply = isOption ? this.#negotiation.optionReply : socksReplyFor(error)
    const cause = { error, ...request }
    this.#refuse(this.#negotiation.encodeReply(reply), this.#factsOf('the connection failed', cause, { reply }))
  }

  /** What the event of a refusal tells; `first` follows the reason. */
  #factsOf(reason: string, cause: (RefusalCause & Partial<SocksRequest>) | undefined, first: object = {}): object {
    if (cause === undefined) return { reason }
    const { error } = cause
    const code = error instanceof Error && 'code' in error ? { code: error.code } : {}
    return { reason, ...first, ...code, ...this.#unsafeFacts(cause, error) }
  }

  /** What events hold under unsafe logging alone. */
  #unsafeFacts({ destination, arguments: args }: UnsafeFacts, error?: unknown): object {
    if (this.#parameters.unsafeLogging !== true) return {}
    const message = error instanceof Error ? { message: error.message } : {}
    return { ...message, ...destination, arguments: JSON.stringify(args) }
  }

  #refuse(answer: Buffer, facts: object): void {
    const stream = this.#stream
    if (stream.destroyed || stream.writableEnded) return
    stream.off('data', this.#onData).off('end', this.#onEnd)
    this.#parameters.logger?.info?.('socks:refused', facts)
    stream.end(answer)
    stream.resume()
    this.#timer.cancel()
    this.#timer = this.#parameters.clock.setTimer(() => void stream.destroy(), REFUSAL_DRAIN_MS, { ref: false })
  }
}

function ignore(): void {}
