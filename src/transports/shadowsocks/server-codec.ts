import { type Codec, NOTHING, type Step } from '../../core/codec.ts'
import { PtError } from '../../core/errors.ts'
import type { Clock } from '../../core/platform.ts'
import type { StreamOpener, StreamSealer } from './stream.ts'

/** What all connections of a server share. */
export interface ServerStreams {
  readonly clock: Clock
  /** How long after accepting a stream that was not recognised is ended: the same for every one. */
  readonly silenceMs: number
  opener(): StreamOpener
  /** `requestSalt` is the client's, where the answer must name it. */
  sealer(requestSalt: Buffer | undefined): StreamSealer
}

/**
 * One server connection. Until a client has proved that it knows the key, and is no replay, not a byte goes out; whatever else it does, it is read and dropped until one time after
 * accepting, and then gets FIN. What is altered later silences that direction in the same way: an end at once would show where a chunk ends.
 */
export class ServerCodec implements Codec {
  readonly #streams: ServerStreams
  readonly #acceptedAt: number
  readonly #opener: StreamOpener
  /** From the client's header on. */
  #sealer: StreamSealer | undefined
  /** Why what comes is dropped. */
  #failure: PtError | undefined

  constructor(streams: ServerStreams) {
    this.#streams = streams
    this.#acceptedAt = streams.clock.monotonic()
    this.#opener = streams.opener()
  }

  start(): Step {
    return { wakeAt: this.#acceptedAt + this.#streams.silenceMs }
  }

  receive(bytes: Uint8Array): Step {
    if (this.#failure !== undefined) return NOTHING
    const opened = this.#opener.receive(bytes)
    const { data, target, failure } = opened
    this.#failure = failure
    const began = target !== undefined && this.#sealer === undefined
    if (began) this.#sealer = this.#streams.sealer(opened.salt)
    return {
      ...(began && { established: true, target, wakeAt: null }),
      ...(data !== undefined && { data }),
      ...(this.#sealer !== undefined && failure !== undefined && { wakeAt: this.#endOfSilence() }),
    }
  }

  send(chunks: readonly Uint8Array[]): Step {
    if (this.#sealer === undefined || isEmpty(chunks)) return NOTHING
    return { wire: [{ bytes: this.#sealer.seal(chunks) }] }
  }

  wake(): Step {
    return { close: this.#failure ?? new PtError('PT_HANDSHAKE_TIMEOUT', 'The client did not send a header in time') }
  }

  finish(): Step {
    if (this.#failure !== undefined) return { close: this.#failure }
    if (!this.#opener.isMidway) return NOTHING
    return { close: new PtError('PT_TRUNCATED', 'The client ended the stream within its header or a chunk') }
  }

  #endOfSilence(): number {
    return this.#streams.clock.monotonic() + this.#streams.silenceMs
  }
}

function isEmpty(chunks: readonly Uint8Array[]): boolean {
  return chunks.every(({ length }) => length === 0)
}
