import { type Codec, NOTHING, type Step } from '../core/codec.ts'
import type { ChildWatch } from './child-watch.ts'

/**
 * Passes bytes on as they are, since a PT process does the transport's work. A stream that ends because that process has died is no end:
 * the connection fails with PT_HOST_EXITED.
 */
export class PassThroughCodec implements Codec {
  readonly #watch: ChildWatch
  #deathCount = 0
  #isNewsAwaited = false

  constructor(watch: ChildWatch) {
    this.#watch = watch
  }

  start(): Step {
    this.#deathCount = this.#watch.deathCount
    return { established: true }
  }

  receive(bytes: Uint8Array): Step {
    return { data: Buffer.from(bytes) }
  }

  send(chunks: readonly Uint8Array[]): Step {
    return { wire: [{ bytes: Buffer.concat(chunks) }] }
  }

  finish(): Step {
    if (this.#watch.deathCount > this.#deathCount) return { close: this.#watch.reason! }
    if (this.#isNewsAwaited) return NOTHING
    this.#isNewsAwaited = true
    return { pending: (signal) => this.#watch.news(signal) }
  }
}
