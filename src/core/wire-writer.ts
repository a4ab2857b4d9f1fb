import type { Segment } from './codec.ts'
import type { ByteStream, Clock, Timer } from './platform.ts'

type Done = (error?: Error | null) => void

interface Batch {
  readonly segments: readonly Segment[]
  readonly done: Done | undefined
  next: number
}

/**
 * Writes a codec's segments to a stream: in order, no faster than the stream drains and no sooner than each delay allows.
 * Each `done` is called exactly once, when its batch has left for the stream; or it is returned by destroy().
 */
export class WireWriter {
  readonly #stream: ByteStream
  readonly #clock: Clock
  readonly #queue: Batch[] = []
  #waiting: Timer | 'drain' | undefined
  #ending = false
  readonly #finished: Done[] = []
  #destroyed = false
  /** Bytes handed to the stream. */
  bytesWritten = 0

  constructor(stream: ByteStream, clock: Clock) {
    this.#stream = stream
    this.#clock = clock
    stream.on('drain', () => {
      if (this.#waiting !== 'drain') return
      this.#waiting = undefined
      this.#run()
    })
  }

  /** Queues a batch. The caller bounds the queue: it gives one batch of application bytes at a time. */
  write(segments: readonly Segment[], done?: Done): void {
    if (this.#destroyed || this.#ending) {
      done?.(new Error('the stream has ended'))
      return
    }
    this.#queue.push({ segments, done, next: 0 })
    if (this.#waiting === undefined && this.#queue.length === 1) this.#run()
  }

  /** Ends the stream with FIN after all batches; `finished` is called once it is on its way, which it may be already. */
  end(finished: Done): void {
    if (this.#destroyed) return
    this.#ending = true
    if (this.#stream.writableFinished) finished()
    else this.#finished.push(finished)
    if (this.#queue.length === 0) this.#finish()
  }

  /** Drops what is queued. Returns every outstanding `done`, for the caller to call with an error. */
  destroy(): readonly Done[] {
    this.#destroyed = true
    if (typeof this.#waiting === 'object') this.#waiting.cancel()
    return this.#queue.splice(0).flatMap(({ done }) => done ?? [])
  }

  #run(): void {
    while (this.#queue.length > 0 && !this.#destroyed && this.#waiting === undefined) {
      const batch = this.#queue[0]!
      while (batch.next < batch.segments.length) {
        const { bytes, delayMs } = batch.segments[batch.next++]!
        this.bytesWritten += bytes.byteLength
        const drained = bytes.byteLength === 0 || this.#stream.write(bytes)
        if (this.#destroyed) return
        if (delayMs !== undefined && delayMs > 0) return this.#pause(delayMs)
        if (!drained) {
          this.#waiting = 'drain'
          return
        }
      }
      this.#queue.shift()
      batch.done?.()
    }
    if (this.#ending && this.#queue.length === 0) this.#finish()
  }

  #pause(delayMs: number): void {
    this.#waiting = this.#clock.setTimer(() => {
      this.#waiting = this.#stream.writableNeedDrain ? 'drain' : undefined
      if (this.#waiting === undefined) this.#run()
    }, delayMs)
  }

  #finish(): void {
    if (this.#destroyed || this.#stream.writableEnded) return
    this.#stream.end((error?: Error | null) => {
      for (const finished of this.#finished.splice(0)) finished(error)
    })
  }
}
