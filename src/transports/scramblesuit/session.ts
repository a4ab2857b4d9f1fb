import { type Codec, NOTHING, type Segment, type Step } from '../../core/codec.ts'
import { PtError } from '../../core/errors.ts'
import type { PacketDecoder, PacketError } from './packet-decoder.ts'
import type { Shaper } from './shaper.ts'

const PACKET_ERRORS = {
  'mac-mismatch': 'a packet is not authentic',
  'header-invalid': 'a packet has an invalid length',
} as const satisfies Record<PacketError, string>

/** What a client listens to besides application bytes; a server ignores what a client sends of these. */
export interface SessionEvents {
  readonly onAuthentic?: () => void
  readonly onSeed?: (seed: Buffer) => void
  /** Hears master key (32) ‖ ticket (112), which it owns. */
  readonly onTicket?: (newTicket: Buffer) => void
}

/** What follows the handshake, on both sides: packets in, packets out. */
export class Session implements Pick<Codec, 'receive' | 'send' | 'finish'> {
  readonly #decoder: PacketDecoder
  readonly #shaper: Shaper
  readonly #events: SessionEvents

  constructor(decoder: PacketDecoder, shaper: Shaper, events: SessionEvents = {}) {
    this.#decoder = decoder
    this.#shaper = shaper
    this.#events = events
  }

  receive(bytes: Uint8Array): Step {
    const { packetCount, data, seed, ticket, error } = this.#decoder.decode(bytes)
    if (packetCount > 0) this.#events.onAuthentic?.()
    if (seed !== undefined) this.#events.onSeed?.(seed)
    if (ticket !== undefined) this.#events.onTicket?.(ticket)
    if (error === undefined) return data === undefined ? NOTHING : { data }
    const close = new PtError('PT_FRAME_INVALID', `The stream cannot be decoded: ${PACKET_ERRORS[error]}`)
    return data === undefined ? { close } : { data, close }
  }

  /** Application bytes of no length send nothing. `before` goes ahead of them. */
  send(chunks: readonly Uint8Array[], before: readonly Segment[] = []): Step {
    if (chunks.every((chunk) => chunk.byteLength === 0)) return NOTHING
    return { wire: [...before, { bytes: this.#shaper.shape(chunks) }] }
  }

  /** Sends padding alone. */
  pad(): Step {
    return { wire: [{ bytes: this.#shaper.shape([]) }] }
  }

  /** Makes a packet that carries no application bytes: a segment of its own. */
  packet(flag: number, payload: Uint8Array): Segment {
    return { bytes: this.#shaper.shapePacket(flag, payload) }
  }

  /** ScrambleSuit has no end of its own: FIN between two packets is one. */
  finish(): Step {
    if (!this.#decoder.partial) return NOTHING
    return { close: new PtError('PT_TRUNCATED', 'The peer ended the stream in the middle of a packet') }
  }
}
