import type { Codec, Segment, Step } from '../../core/codec.ts'
import { NOTHING } from '../../core/codec.ts'
import { PtError } from '../../core/errors.ts'
import type { FrameDecoder, FrameError } from './framing.ts'
import type { Shaper } from './shaper.ts'

const FRAME_ERRORS = {
  'tag-mismatch': 'a frame is not authentic',
  'packet-invalid': 'a frame holds an invalid packet',
  'counter-exhausted': 'the key has opened its last frame',
} as const satisfies Record<FrameError, string>

/** What follows the handshake, on both sides: frames in, frames out. */
export class Session implements Pick<Codec, 'receive' | 'send' | 'finish'> {
  readonly #decoder: FrameDecoder
  readonly #shaper: Shaper
  readonly #onSeed: ((seed: Buffer) => void) | undefined

  /** `onSeed` hears each PRNG seed of 24 bytes that the peer sends; a server ignores them. */
  constructor(decoder: FrameDecoder, shaper: Shaper, onSeed?: (seed: Buffer) => void) {
    this.#decoder = decoder
    this.#shaper = shaper
    this.#onSeed = onSeed
  }

  receive(bytes: Uint8Array): Step {
    const { data, seed, error } = this.#decoder.decode(bytes)
    if (seed !== undefined) this.#onSeed?.(seed)
    if (error === undefined) return data === undefined ? NOTHING : { data }
    const close = new PtError('PT_FRAME_INVALID', `The stream cannot be decoded: ${FRAME_ERRORS[error]}`)
    return data === undefined ? { close } : { data, close }
  }

  /** Application bytes of no length send nothing. `before` goes ahead of them. */
  send(chunks: readonly Uint8Array[], before: readonly Segment[] = []): Step {
    if (chunks.every((chunk) => chunk.byteLength === 0)) return NOTHING
    const wire = this.#shaper.shape(chunks)
    return { wire: before.length === 0 ? wire : [...before, ...wire] }
  }

  /** Sends padding alone. */
  pad(): Step {
    return { wire: this.#shaper.pad() }
  }

  /** obfs4 has no end of its own: FIN between two frames is one. */
  finish(): Step {
    if (!this.#decoder.partial) return NOTHING
    return { close: new PtError('PT_TRUNCATED', 'The peer ended the stream in the middle of a frame') }
  }
}
