import type { Duplex } from 'node:stream'

/** The streams that somebody owns and that are not closed yet. */
export class StreamSet {
  readonly #streams = new Set<Duplex>()
  readonly #waiting: (() => void)[] = []

  /** Streams that are not closed. */
  get size(): number {
    return this.#streams.size
  }

  /** Holds a stream until its 'close'; one that is closed already is not held. */
  add(stream: Duplex): void {
    if (stream.closed) return
    this.#streams.add(stream)
    stream.once('close', () => {
      this.#streams.delete(stream)
      if (this.#streams.size > 0) return
      for (const resolve of this.#waiting.splice(0)) resolve()
    })
  }

  /** Resolves once no stream is held. */
  async empty(): Promise<void> {
    if (this.#streams.size === 0) return
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
    })
  }

  /** Destroys every stream held; resolves when all are closed. */
  async destroy(): Promise<void> {
    for (const stream of this.#streams) stream.destroy()
    await this.empty()
  }
}
