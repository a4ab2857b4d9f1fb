import type { Readable } from 'node:stream'
import { PtError } from '../core/errors.ts'

interface Request {
  readonly length: number
  readonly resolve: (bytes: Buffer) => void
  readonly reject: (error: Error) => void
}

/**
 * Takes bytes off a paused stream in counted pieces. What is not taken stays in the stream, for whoever gets it after release().
 * The stream's errors are heard from the constructor to release().
 */
export class StreamReader {
  readonly #stream: Readable
  readonly #signal: AbortSignal
  #request: Request | undefined
  #failure: Error | undefined

  constructor(stream: Readable, signal: AbortSignal) {
    this.#stream = stream
    this.#signal = signal
    if (signal.aborted) this.#onAbort()
    signal.addEventListener('abort', this.#onAbort)
    stream.on('readable', this.#serve).on('end', this.#onEnd).on('close', this.#onEnd).on('error', this.#fail)
  }

  /**
   * Takes exactly `length` bytes, in a buffer owned by the caller; one call at a time. Rejects with PT_TRUNCATED when the stream ends
   * before, with the stream's error, or the signal's reason.
   */
  take(length: number): Promise<Buffer> {
    if (length === 0) return Promise.resolve(Buffer.alloc(0))
    return new Promise((resolve, reject) => {
      this.#request = { length, resolve, reject }
      this.#serve()
    })
  }

  /** Lets go of the stream, which stays paused. */
  release(): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    const stream = this.#stream
    stream.off('readable', this.#serve).off('end', this.#onEnd).off('close', this.#onEnd).off('error', this.#fail)
  }

  readonly #serve = (): void => {
    const request = this.#request
    if (request === undefined) return
    const bytes = this.#failure === undefined ? (this.#stream.read(request.length) as Buffer | null) : null
    if (bytes?.length === request.length) {
      this.#request = undefined
      request.resolve(bytes)
    } else if (bytes !== null || this.#stream.readableEnded || this.#stream.destroyed) this.#onEnd()
    else if (this.#failure !== undefined) this.#fail(this.#failure)
  }

  readonly #onEnd = (): void => this.#fail(new PtError('PT_TRUNCATED', 'The stream ended before it was expected to'))

  readonly #onAbort = (): void => this.#fail(this.#signal.reason as Error)

  readonly #fail = (error: Error): void => {
    this.#failure ??= error
    this.#request?.reject(this.#failure)
    this.#request = undefined
  }
}
