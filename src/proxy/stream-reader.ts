import type { Duplex } from 'node:stream'
import { PtError } from '../core/errors.ts'
import type { Decoder, Decoding } from '../wire/decoding.ts'

interface Request {
  /** Takes what it needs off the bytes that are there, and says whether that was enough. */
  readonly take: (bytes: Buffer) => 'incomplete' | 'done'
  readonly reject: (error: Error) => void
}

/**
 * Takes messages off a paused stream. What is not taken stays in the stream, for whoever gets it after release(). The stream's errors
 * are heard from the constructor to release().
 */
export class StreamReader {
  readonly #stream: Duplex
  readonly #signal: AbortSignal
  #held: Buffer = Buffer.alloc(0)
  #request: Request | undefined
  #failure: Error | undefined

  constructor(stream: Duplex, signal: AbortSignal) {
    this.#stream = stream
    this.#signal = signal
    if (signal.aborted) this.#onAbort()
    else signal.addEventListener('abort', this.#onAbort)
    stream.on('readable', this.#serve).on('end', this.#onEnd).on('close', this.#onEnd).on('error', this.#fail)
  }

  /**
   * Takes one message, whose length the decoder bounds; one call at a time. Rejects with PT_FRAME_INVALID for bytes that are none,
   * PT_TRUNCATED when the stream ends before, with the stream's error, or the signal's reason.
   */
  message<Value>(decode: Decoder<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      const take = (bytes: Buffer): 'incomplete' | 'done' => {
        const decoding = decode(bytes)
        if (decoding === 'incomplete') return decoding
        if (decoding === 'malformed') reject(new PtError('PT_FRAME_INVALID', 'A message is malformed'))
        else {
          // At once, so that the stream does not end before these are read.
          if (decoding.length < bytes.length) this.#stream.unshift(bytes.subarray(decoding.length))
          resolve(decoding.value)
        }
        return 'done'
      }
      this.#request = { take, reject }
      this.#serve()
    })
  }

  /** Takes exactly `length` bytes, in a buffer owned by the caller; otherwise as message(). */
  take(length: number): Promise<Buffer> {
    if (length === 0) return Promise.resolve(Buffer.alloc(0))
    const decode = (bytes: Buffer): Decoding<Buffer> =>
      bytes.length < length ? 'incomplete' : { value: Buffer.from(bytes.subarray(0, length)), length }
    return this.message(decode)
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
    if (this.#failure !== undefined) return this.#fail(this.#failure)
    const bytes = this.#stream.read() as Buffer | null
    if (bytes !== null) {
      const held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
      const isDone = request.take(held) === 'done'
      this.#held = isDone ? Buffer.alloc(0) : held
      if (isDone) this.#request = undefined
    } else if (this.#stream.readableEnded || this.#stream.destroyed) this.#onEnd()
  }

  readonly #onEnd = (): void => this.#fail(new PtError('PT_TRUNCATED', 'The stream ended before it was expected to'))

  readonly #onAbort = (): void => this.#fail(this.#signal.reason as Error)

  readonly #fail = (error: Error): void => {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#failure ??= error
    this.#request?.reject(this.#failure)
    this.#request = undefined
  }
}
