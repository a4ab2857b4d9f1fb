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
  /** Responses under way: a client may send requests before it has had the answers. */
  #responseCount = 0
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
    return this.#hasBeenServed && this.#responseCount === 0
  }

  /** Notes a request, until its response is done with. */
  serve(response: ServerResponse): void {
    this.#responseCount += 1
    this.#hasBeenServed = true
    this.#watchProgress()
    response.once('close', () => {
      this.#responseCount -= 1
      if (this.#responseCount > 0 || this.#isReleased) return
      this.#endAfter(KEEP_ALIVE_TIMEOUT_MS)
      const onAnswered = this.#onAnswered
      this.#onAnswered = undefined
      onAnswered?.()
    })
  }

  /** Calls back once no response is under way, perhaps at once; never when it ends before. */
  whenAnswered(callback: () => void): void {
    if (this.#responseCount === 0) callback()
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
