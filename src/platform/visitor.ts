import type { ServerResponse } from 'node:http'
import type { ByteStream, Clock, Timer } from '../core/platform.ts'

/** From the accepted stream to the end of its first request's head, TLS included; in ms. */
const HEAD_TIMEOUT_MS = 10_000
/** Between a response and the end of the next request's head, in ms. */
const KEEP_ALIVE_TIMEOUT_MS = 15_000
/** Without a byte either way while a request is served, in ms. */
const PROGRESS_TIMEOUT_MS = 60_000

type Counted = ByteStream & { readonly bytesRead?: number; readonly bytesWritten?: number }

/** One stream of a web server, and its time limits. */
export class Visitor {
  readonly #stream: Counted
  readonly #clock: Clock
  #timer: Timer | undefined
  /** The response under way. */
  #current: ServerResponse | undefined
  /** Requests sent before the answers to those ahead of them; each is begun when its turn comes. */
  readonly #waiting: { readonly response: ServerResponse; readonly begin: () => void }[] = []
  #hasBeenServed = false
  #isReleased = false
  #onAnswered: (() => void) | undefined

  constructor(stream: ByteStream, clock: Clock) {
    this.#stream = stream
    this.#clock = clock
    this.#endAfter(HEAD_TIMEOUT_MS)
  }

  /** Whether it has been served and asks for nothing now. */
  get isIdle(): boolean {
    return this.#hasBeenServed && this.#current === undefined
  }

  /**
   * Takes a request, and calls `begin` once it is its turn; never where the stream ends before. One at a time: node:http would begin all that a
   * visitor sends at once, and tells those without a turn of nothing, not even that the visitor has gone.
   */
  serve(response: ServerResponse, begin: () => void): void {
    if (this.#current === undefined) return this.#begin(response, begin)
    this.#waiting.push({ response, begin })
    // Later, since node:http reads on at the end of each message.
    setImmediate(() => this.#waiting.length > 0 && this.#stream.pause())
  }

  /** Calls back once no response is under way, perhaps at once; never when it ends before. */
  whenAnswered(callback: () => void): void {
    if (this.#current === undefined) callback()
    else this.#onAnswered = callback
  }

  /** Ends it. */
  end(): void {
    this.release()
    this.#stream.destroy()
  }

  /** Lets go of the stream, which has closed, or whose time is its new owner's. */
  release(): void {
    this.#isReleased = true
    this.#timer?.cancel()
  }

  #begin(response: ServerResponse, begin: () => void): void {
    this.#current = response
    this.#hasBeenServed = true
    this.#watchProgress()
    response.once('close', () => this.#answered())
    begin()
  }

  #answered(): void {
    this.#current = undefined
    if (this.#isReleased || this.#stream.writableEnded) return
    const next = this.#waiting.shift()
    if (next !== undefined) {
      // node:http gives no socket to what follows its own answer to a malformed request.
      if (next.response.socket !== null) this.#begin(next.response, next.begin)
      return
    }
    this.#endAfter(KEEP_ALIVE_TIMEOUT_MS)
    const onAnswered = this.#onAnswered
    this.#onAnswered = undefined
    if (onAnswered === undefined) this.#stream.resume()
    else onAnswered()
  }

  #endAfter(limitMs: number): void {
    this.#timer?.cancel()
    this.#timer = this.#clock.setTimer(() => this.end(), limitMs, { ref: false })
  }

  #watchProgress(): void {
    this.#timer?.cancel()
    const before = this.#byteCount
    const check = (): void => {
      if (this.#byteCount === before) this.end()
      else this.#watchProgress()
    }
    this.#timer = this.#clock.setTimer(check, PROGRESS_TIMEOUT_MS, { ref: false })
  }

  get #byteCount(): number {
    return (this.#stream.bytesRead ?? 0) + (this.#stream.bytesWritten ?? 0)
  }
}
