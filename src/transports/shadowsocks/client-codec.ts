import { type Codec, NOTHING, type Step } from '../../core/codec.ts'
import { PtError } from '../../core/errors.ts'
import type { Clock } from '../../core/platform.ts'
import type { StreamOpener, StreamSealer } from './stream.ts'

/** How long a client waits for first bytes that leave with the header, in ms: longer would hold up protocols in which the server speaks first. */
export const HEADER_DELAY_MS = 10

/** One client connection. There is no handshake: it is open as soon as the stream is. */
export class ClientCodec implements Codec {
  readonly #sealer: StreamSealer
  readonly #opener: StreamOpener
  readonly #clock: Clock
  #hasSentHeader = false

  constructor(sealer: StreamSealer, opener: StreamOpener, clock: Clock) {
    this.#sealer = sealer
    this.#opener = opener
    this.#clock = clock
  }

  start(): Step {
    return { established: true, wakeAt: this.#clock.monotonic() + HEADER_DELAY_MS }
  }

  receive(bytes: Uint8Array): Step {
    const { data, failure } = this.#opener.receive(bytes)
    return {
      ...(data !== undefined && { data }),
      ...(failure !== undefined && { close: failure }),
    }
  }

  send(chunks: readonly Uint8Array[]): Step {
    const wire = [{ bytes: this.#sealer.seal(chunks) }]
    if (this.#hasSentHeader) return { wire }
    this.#hasSentHeader = true
    return { wire, wakeAt: null }
  }

  /** Nothing came in time. */
  wake(): Step {
    return this.#hasSentHeader ? NOTHING : this.send([])
  }

  end(): Step {
    return this.wake()
  }

  finish(): Step {
    if (!this.#opener.isMidway) return NOTHING
    return { close: new PtError('PT_TRUNCATED', 'The server ended the stream within a chunk') }
  }
}
