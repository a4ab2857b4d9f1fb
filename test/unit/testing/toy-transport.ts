import { createHash } from 'node:crypto'
import type { Codec, Step } from '../../../src/core/codec.ts'
import { NOTHING } from '../../../src/core/codec.ts'
import { PtError } from '../../../src/core/errors.ts'
import { defineOptions } from '../../../src/core/options.ts'
import type { Environment } from '../../../src/core/transport.ts'
import { defineTransport } from '../../../src/platform/define-transport.ts'
import { randomBytes } from '../../../src/util/random.ts'

const NONCE_LENGTH = 12
const HELLO_LENGTH = 16
const HEADER_LENGTH = 6
const SILENCE_MS = 30_000
/** How long the server's first word waits after its answer. */
const GAP_MS = 20

/** What a toy does wrong. */
export type Flaw =
  | 'none'
  | 'corrupts a byte'
  | 'checks no frame'
  | 'answers probes'
  | 'answers half a handshake'
  | 'closes probes at once'
  | 'accepts replays'
  | 'loses bytes after the handshake'
  | 'waits for ever on half a handshake'
  | 'leaks a timer'
  | 'defers without end'
  | 'connects before the answer'

/** A transport with a handshake, checked frames and silence, as small as can be; with one flaw on request. It hides nothing. */
export const toyWith = (flaw: Flaw) => {
  const options = defineOptions('toy', {})
  return defineTransport({
    name: 'toy',
    clientOptions: options,
    serverOptions: options,
    openClient: (environment) => ({ codec: () => new ToyCodec(environment, flaw, undefined) }),
    openServer: (_options, environment) => ({
      open: () => {
        const seen = new Set<string>()
        return Promise.resolve({
          clientArguments: {},
          codec: () => new ToyCodec(environment, flaw, seen),
          close: () => Promise.resolve(),
        })
      },
    }),
  })
}

class ToyCodec implements Codec {
  readonly #environment: Environment
  readonly #flaw: Flaw
  /** The nonces that a server has seen; undefined in a client. */
  readonly #seen: Set<string> | undefined
  #state: 'handshake' | 'silent' | 'open' = 'handshake'
  #buffer: Buffer = Buffer.alloc(0)
  #hello: Buffer = Buffer.alloc(0)
  #deadline = 0
  #sentCount = 0
  #receivedCount = 0

  constructor(environment: Environment, flaw: Flaw, seen: Set<string> | undefined) {
    this.#environment = environment
    this.#flaw = flaw
    this.#seen = seen
  }

  start(): Step {
    const { clock, random } = this.#environment.platform
    if (this.#flaw === 'leaks a timer') clock.setTimer(() => undefined, 1_000_000)
    if (this.#flaw === 'defers without end') deferForEver(() => this.#environment.platform.clock)
    if (this.#seen !== undefined) {
      this.#deadline = clock.monotonic() + SILENCE_MS
      return { wakeAt: this.#deadline }
    }
    const nonce = randomBytes(random, NONCE_LENGTH)
    this.#hello = Buffer.concat([nonce, digest('hello', nonce).subarray(0, HELLO_LENGTH - NONCE_LENGTH)])
    return {
      wire: [{ bytes: Buffer.from(this.#hello) }],
      ...(this.#flaw === 'connects before the answer' ? { established: true } : {}),
    }
  }

  receive(bytes: Uint8Array): Step {
    if (this.#state === 'silent') return NOTHING
    this.#buffer = Buffer.concat([this.#buffer, bytes])
    if (this.#state === 'open') return this.#frames()
    if (this.#buffer.length < HELLO_LENGTH) {
      const isHalf = bytes.length > 1 && this.#seen === undefined
      const hangs = this.#flaw === 'waits for ever on half a handshake' && isHalf
      return hangs ? { pending: () => new Promise(() => undefined) } : NOTHING
    }
    return this.#seen === undefined ? this.#answered() : this.#greeted(this.#seen)
  }

  send(chunks: readonly Uint8Array[]): Step {
    const isFirstWord = this.#seen !== undefined && this.#sentCount === 0
    const gap = isFirstWord ? [{ bytes: Buffer.alloc(0), delayMs: GAP_MS }] : []
    const wire = chunks.flatMap((chunk) => split(Buffer.from(chunk))).map((bytes) => ({ bytes: this.#frame(bytes) }))
    return { wire: [...gap, ...wire] }
  }

  finish(): Step {
    if (this.#flaw === 'answers half a handshake' && this.#seen !== undefined && this.#state === 'handshake')
      return { ...this.wake(), wire: [{ bytes: Buffer.from('?') }] }
    if (this.#buffer.length === 0 || this.#state !== 'open') return NOTHING
    return { close: new PtError('PT_TRUNCATED', 'the stream ended within a frame') }
  }

  wake(): Step {
    return { close: new PtError('PT_HANDSHAKE_FAILED', 'the client is unknown') }
  }

  #greeted(seen: Set<string>): Step {
    const hello = this.#take(HELLO_LENGTH)
    const nonce = hello.subarray(0, NONCE_LENGTH)
    const good = hello.subarray(NONCE_LENGTH).equals(digest('hello', nonce).subarray(0, HELLO_LENGTH - NONCE_LENGTH))
    const fresh = !seen.has(nonce.toString('hex')) || this.#flaw === 'accepts replays'
    if (!good || !fresh) {
      this.#state = 'silent'
      if (this.#flaw === 'answers probes') return { wire: [{ bytes: Buffer.from('?') }] }
      return this.#flaw === 'closes probes at once' ? this.wake() : NOTHING
    }
    seen.add(nonce.toString('hex'))
    this.#state = 'open'
    const reply = digest('reply', nonce).subarray(0, HELLO_LENGTH)
    return { wire: [{ bytes: reply }], wakeAt: null, ...this.#frames(), established: true }
  }

  #answered(): Step {
    const reply = this.#take(HELLO_LENGTH)
    const due = digest('reply', this.#hello.subarray(0, NONCE_LENGTH)).subarray(0, HELLO_LENGTH)
    if (!reply.equals(due)) return { close: new PtError('PT_HANDSHAKE_FAILED', 'the server is another') }
    this.#state = 'open'
    if (this.#flaw === 'loses bytes after the handshake') this.#buffer = Buffer.alloc(0)
    const step = this.#frames()
    return this.#flaw === 'connects before the answer' ? step : { ...step, established: true }
  }

  #frames(): Step {
    const data: Buffer[] = []
    while (this.#buffer.length >= HEADER_LENGTH && this.#buffer.length >= HEADER_LENGTH + this.#buffer.readUInt16BE()) {
      const header = this.#take(HEADER_LENGTH)
      const bytes = Buffer.from(this.#take(header.readUInt16BE()))
      const check = checkOf(this.#seen === undefined, this.#receivedCount++, bytes)
      if (!check.equals(header.subarray(2)) && this.#flaw !== 'checks no frame') {
        return { data: Buffer.concat(data), close: new PtError('PT_FRAME_INVALID', 'a frame was altered') }
      }
      if (this.#flaw === 'corrupts a byte' && bytes.length > 50) bytes[50]! ^= 1
      data.push(bytes)
    }
    return data.length === 0 ? NOTHING : { data: Buffer.concat(data) }
  }

  #frame(bytes: Buffer): Buffer {
    const header = Buffer.alloc(2)
    header.writeUInt16BE(bytes.length)
    return Buffer.concat([header, checkOf(this.#seen !== undefined, this.#sentCount++, bytes), bytes])
  }

  #take(length: number): Buffer {
    const taken = this.#buffer.subarray(0, length)
    this.#buffer = this.#buffer.subarray(length)
    return taken
  }
}

function checkOf(fromServer: boolean, count: number, bytes: Buffer): Buffer {
  return digest(`${fromServer ? 'server' : 'client'} ${count} ${bytes.length}`, bytes).subarray(0, HEADER_LENGTH - 2)
}

function digest(label: string, bytes: Uint8Array): Buffer {
  return createHash('sha256').update(label).update(bytes).digest()
}

function split(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += 0xff_ff) pieces.push(bytes.subarray(at, at + 0xff_ff))
  return pieces
}

function deferForEver(clock: () => Environment['platform']['clock']): void {
  clock().defer(() => deferForEver(clock))
}
