import type { PtError } from './errors.ts'
import type { TcpAddress } from './platform.ts'

/** Wire bytes to be written as one piece, then a wait of `delayMs` (whole ms, 0 or absent: none) before the next piece. */
export interface Segment {
  readonly bytes: Uint8Array
  readonly delayMs?: number
}

/**
 * Something the codec wants done before it goes on (a record in the store). The Connection performs it and hands the outcome to
 * settle(); until then the codec is fed nothing. The signal aborts when the connection ends first;
 * it lives as long as the effect.
 */
export type Effect = (signal: AbortSignal) => Promise<unknown>

/** How an effect ended. */
export type Outcome = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown }

/** What a codec wants after one input. Everything in it is handed over: the codec never touches those buffers again. */
export interface Step {
  /** Wire bytes, in order. */
  readonly wire?: readonly Segment[]
  /** Application bytes, delivered after `established` takes effect. */
  readonly data?: Uint8Array
  /** The handshake is done: the connection is open from here on. Given once. */
  readonly established?: true
  /** On a server, with `established` at the latest: the application server that the client asks for. */
  readonly target?: TcpAddress
  /** When wake() is to be called, on the platform's monotonic clock in ms; replaces the earlier time; null cancels it. */
  readonly wakeAt?: number | null
  readonly pending?: Effect
  /**
   * Ends the connection with this error, after `wire` and `data`. The wire ends with FIN. On a server before
   * `established`, what still comes in is then dropped, and nobody but the Listener's 'handshakeError' hears of it.
   */
  readonly close?: PtError
}

/** The step that wants nothing. */
export const NOTHING: Step = Object.freeze({})

/**
 * A stream transport for one connection: bytes in any chopping go in, application bytes and wire bytes come out. It does no I/O and
 * starts no timer. No member throws for anything a peer does. Buffers given to send() are the caller's: it copies what it keeps.
 */
export interface Codec {
  /** Begins, once the stream is there. */
  start(): Step
  /** Takes wire bytes, at least one; they are handed over, and may go on as the step's data. */
  receive(bytes: Uint8Array): Step
  /** Takes application bytes; called only once established. */
  send(chunks: readonly Uint8Array[]): Step
  /** The application has ended its side: what goes out before FIN. */
  end?(): Step
  /**
   * The peer has ended its side with FIN. A `close` in the step makes it an error; otherwise the readable side ends cleanly. A `pending`
   * puts that off: once it is settled, finish() is called again.
   */
  finish(): Step
  /** The time of wakeAt has come. */
  wake?(): Step
  /** The effect of the last `pending` has ended. */
  settle?(outcome: Outcome): Step
}
