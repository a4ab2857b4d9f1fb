import {
  FRAME_STATE_COUNTER_OFFSET,
  FRAME_STATE_LENGTH,
  FRAME_STATUS_COUNTER_EXHAUSTED,
  FRAME_STATUS_PACKET_INVALID,
  FRAME_STATUS_TAG_MISMATCH,
  type FrameKernel,
} from '../../crypto/frame-kernel.ts'
import { secretboxSubkey } from '../../crypto/secretbox.ts'
import { type Random, uniformInteger } from '../../util/random.ts'
import {
  burstLength,
  checkFrameKey,
  checkPacket,
  counterExhausted,
  type DecodedFrames,
  type FrameDecoder,
  type FrameEncoder,
  type FrameError,
  LENGTH_LENGTH,
  MAX_BOX_LENGTH,
  MAX_FRAME_LENGTH,
  MAX_PAYLOAD_LENGTH,
  MIN_BOX_LENGTH,
  NOTHING_DECODED,
  PACKET_TYPE_PAYLOAD,
} from './frame-format.ts'

// The framing on the frame kernel: here are only the copies in and out, one call for up to 64 KiB between them. A direction at rest is its state.

/** Makes a direction's first state. */
function initialState(kernel: FrameKernel, key: Uint8Array, substitute: number, counter: bigint): Uint8Array {
  checkFrameKey(key)
  kernel.state.set(secretboxSubkey(key.subarray(0, 32), key.subarray(32, 48)))
  kernel.state.set(key.subarray(48, 72), 32)
  kernel.initialize(substitute)
  const state = new Uint8Array(FRAME_STATE_LENGTH)
  state.set(kernel.state)
  kernel.state.fill(0)
  new DataView(state.buffer).setBigUint64(FRAME_STATE_COUNTER_OFFSET, counter, true)
  return state
}

/** The encoder on the frame kernel. `counter` is for tests. */
export class KernelFrameEncoder implements FrameEncoder {
  readonly #kernel: FrameKernel
  readonly #state: Uint8Array

  constructor(kernel: FrameKernel, key: Uint8Array, counter = 1n) {
    this.#kernel = kernel
    this.#state = initialState(kernel, key, MIN_BOX_LENGTH, counter)
  }

  encode(chunks: readonly Uint8Array[], padding: readonly number[] = []): Buffer {
    const kernel = this.#kernel
    const burst = new Burst(kernel, burstLength(chunks, padding))
    kernel.state.set(this.#state)
    try {
      for (const chunk of chunks) burst.append(chunk)
      burst.seal()
      for (const count of padding) burst.pad(count)
      return burst.take()
    } finally {
      this.#state.set(kernel.state)
      kernel.state.fill(0)
    }
  }

  encodePacket(type: number, payload: Uint8Array, padding = 0): Buffer {
    checkPacket(payload.length, padding)
    const kernel = this.#kernel
    kernel.memory.set(payload, kernel.input)
    kernel.state.set(this.#state)
    const end = kernel.sealPacket(type, payload.length, padding, 0)
    this.#state.set(kernel.state)
    kernel.state.fill(0)
    if (end < 0) throw counterExhausted()
    return kernel.copyOutput(end)
  }
}

/** One call of `encode`: payload gathers in the kernel's input, frames in its output, and what does not fit there moves on to `wire`. */
class Burst {
  readonly #kernel: FrameKernel
  readonly #wireLength: number
  #wire: Buffer | undefined
  /** Payload bytes that fit in the kernel's input, whole frames of them. */
  readonly #capacity: number
  #gathered = 0
  #sealed = 0
  #written = 0

  constructor(kernel: FrameKernel, wireLength: number) {
    this.#kernel = kernel
    this.#wireLength = wireLength
    this.#capacity = (kernel.capacity / MAX_FRAME_LENGTH) * MAX_PAYLOAD_LENGTH
  }

  append(chunk: Uint8Array): void {
    let start = 0
    while (start < chunk.length) {
      const taken = Math.min(chunk.length - start, this.#capacity - this.#gathered)
      const part = taken === chunk.length ? chunk : chunk.subarray(start, start + taken)
      this.#kernel.memory.set(part, this.#kernel.input + this.#gathered)
      this.#gathered += taken
      start += taken
      if (this.#gathered === this.#capacity) {
        this.seal()
        this.#flush()
      }
    }
  }

  /** Seals what has gathered. */
  seal(): void {
    if (this.#gathered === 0) return
    this.#advance(this.#kernel.seal(this.#gathered, this.#sealed))
    this.#gathered = 0
  }

  /** Seals one frame without payload. */
  pad(count: number): void {
    if (this.#sealed + MAX_FRAME_LENGTH > this.#kernel.capacity) this.#flush()
    this.#advance(this.#kernel.sealPacket(PACKET_TYPE_PAYLOAD, 0, count, this.#sealed))
  }

  /** Returns all that was sealed. */
  take(): Buffer {
    if (this.#wire === undefined) return this.#kernel.copyOutput(this.#sealed)
    this.#flush()
    return this.#wire
  }

  #flush(): void {
    const { memory, output } = this.#kernel
    this.#wire ??= Buffer.allocUnsafe(this.#wireLength)
    this.#wire.set(memory.subarray(output, output + this.#sealed), this.#written)
    this.#written += this.#sealed
    this.#sealed = 0
  }

  #advance(end: number): void {
    if (end < 0) throw counterExhausted()
    this.#sealed = end
  }
}

/** The decoder on the frame kernel. `counter` is for tests. */
export class KernelFrameDecoder implements FrameDecoder {
  readonly #kernel: FrameKernel
  readonly #state: Uint8Array
  /** The beginning of a frame that has not ended, or of its length; allocated only meanwhile. */
  #held: Buffer | undefined
  #heldLength = 0
  /** Length of the frame that has begun; 0 when none has. */
  #begun = 0
  #error: FrameError | undefined

  constructor(kernel: FrameKernel, key: Uint8Array, random: Random, counter = 1n) {
    this.#kernel = kernel
    this.#state = initialState(kernel, key, uniformInteger(random, MIN_BOX_LENGTH, MAX_BOX_LENGTH), counter)
  }

  get partial(): boolean {
    return this.#begun > 0 || this.#heldLength > 0
  }

  decode(bytes: Uint8Array): DecodedFrames {
    if (this.#error !== undefined) return { ...NOTHING_DECODED, error: this.#error }
    if (this.#heldLength + bytes.length < this.#needed) {
      this.#hold(bytes)
      return NOTHING_DECODED
    }
    this.#kernel.state.set(this.#state)
    try {
      return this.#open(bytes)
    } finally {
      this.#state.set(this.#kernel.state)
      this.#kernel.state.fill(0)
      if (this.#error !== undefined) this.#state.fill(0)
    }
  }

  /** Bytes without which the kernel can do nothing. */
  get #needed(): number {
    return this.#begun > 0 ? this.#begun : LENGTH_LENGTH
  }

  #open(bytes: Uint8Array): DecodedFrames {
    const kernel = this.#kernel
    // A socket read fits in one round, which then tells how much room its payload takes; what does not fit gets room for all of it.
    const large = this.#heldLength + bytes.length > kernel.capacity
    let data: Buffer | undefined = large ? Buffer.allocUnsafe(this.#heldLength + bytes.length) : undefined
    let written = 0
    let seed: Buffer | undefined
    let start = 0
    do {
      start += this.#openRound(start === 0 ? bytes : bytes.subarray(start))
      const { produced } = kernel
      if (produced > 0) {
        const { memory, output } = kernel
        if (data === undefined) data = kernel.copyOutput(produced)
        else data.set(memory.subarray(output, output + produced), written)
        memory.fill(0, output, output + produced)
        written += produced
      }
      if (kernel.hasSeed) seed = Buffer.from(kernel.seed)
      this.#error = FRAME_ERRORS[kernel.status]
    } while (this.#error === undefined && bytes.length - start >= this.#needed)
    if (this.#error === undefined && start < bytes.length) this.#hold(bytes.subarray(start))
    if (large) data = data?.subarray(0, written)
    return { data: written > 0 ? data : undefined, seed, error: this.#error }
  }

  /** Has the kernel open what is held and as much of `bytes` as fits; returns how much of them it has consumed. */
  #openRound(bytes: Uint8Array): number {
    const kernel = this.#kernel
    const held = this.#heldLength
    if (this.#held !== undefined) kernel.memory.set(this.#held.subarray(0, held), kernel.input)
    const taken = Math.min(bytes.length, kernel.capacity - held)
    kernel.memory.set(taken === bytes.length ? bytes : bytes.subarray(0, taken), kernel.input + held)
    kernel.open(held + taken)
    this.#begun = kernel.begun
    // The kernel has consumed all that was held, since with these bytes it had what it needed.
    this.#held = undefined
    this.#heldLength = 0
    return kernel.consumed - held
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#held ??= Buffer.allocUnsafeSlow(MAX_BOX_LENGTH)
    this.#held.set(bytes, this.#heldLength)
    this.#heldLength += bytes.length
  }
}

const FRAME_ERRORS: Readonly<Record<number, FrameError>> = {
  [FRAME_STATUS_TAG_MISMATCH]: 'tag-mismatch',
  [FRAME_STATUS_PACKET_INVALID]: 'packet-invalid',
  [FRAME_STATUS_COUNTER_EXHAUSTED]: 'counter-exhausted',
}
