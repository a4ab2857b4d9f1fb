// A transport of one's own: the code that docs/writing-a-transport.md explains. It is no disguise: whoever looks sees its frames.
// Run it with `npx tsx examples/own-transport.ts`.
import { createHash, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import {
  type Codec,
  NOTHING,
  PtError,
  type Random,
  type Step,
  defineOptions,
  defineTransport,
} from 'pluggable-transports'
import { z } from 'zod'

const NONCE_LENGTH = 16
const PROOF_LENGTH = 32
const HEADER_LENGTH = 2
const MAX_FRAME_LENGTH = 0xff_ff

const options = defineOptions('lengthy', {
  phrase: {
    wireName: 'phrase',
    secret: true,
    from: ['api', 'server', 'connection', 'bridge-line'],
    schema: z.string().min(1),
    expects: 'a text that is not empty',
    description: 'The phrase that client and server share',
  },
})

/** A nonce each way with a proof of the phrase; then frames of a 2-byte length and its bytes. */
export const lengthy = defineTransport({
  name: 'lengthy',
  clientOptions: options,
  serverOptions: options,
  openClient: ({ platform }) => ({ codec: ({ phrase }) => new ClientCodec(phrase, platform.random) }),
  openServer: ({ phrase }) => ({
    open: () =>
      Promise.resolve({
        clientArguments: { phrase },
        codec: () => new ServerCodec(phrase),
        close: () => Promise.resolve(),
      }),
  }),
})

/** What both sides share: the bytes not yet understood, and the frames after the handshake. */
abstract class LengthyCodec implements Codec {
  readonly #queue: Buffer[] = []
  #queuedLength = 0
  #isOpen = false

  abstract start(): Step

  /** Takes the peer's part of the handshake, which has come whole. */
  protected abstract greet(greeting: Buffer): Step
  protected abstract readonly greetingLength: number

  receive(bytes: Uint8Array): Step {
    this.#queue.push(Buffer.from(bytes))
    this.#queuedLength += bytes.length
    if (this.#isOpen) return this.#readFrames()
    if (this.#queuedLength < this.greetingLength) return NOTHING
    const step = this.greet(this.#take(this.greetingLength))
    if (step.established !== true) return step
    this.#isOpen = true
    // The first frames may have come with the end of the handshake.
    return { ...this.#readFrames(), ...step }
  }

  send(chunks: readonly Uint8Array[]): Step {
    const bytes = Buffer.concat(chunks)
    const parts: Buffer[] = []
    for (let at = 0; at < bytes.length; at += MAX_FRAME_LENGTH) {
      const frame = bytes.subarray(at, at + MAX_FRAME_LENGTH)
      const header = Buffer.alloc(HEADER_LENGTH)
      header.writeUInt16BE(frame.length)
      parts.push(header, frame)
    }
    return { wire: [{ bytes: Buffer.concat(parts) }] }
  }

  finish(): Step {
    const isWhole = !this.#isOpen || this.#queuedLength === 0
    return isWhole ? NOTHING : { close: new PtError('PT_TRUNCATED', 'the stream ended within a frame') }
  }

  #readFrames(): Step {
    const all = this.#take(this.#queuedLength)
    const data: Buffer[] = []
    let at = 0
    while (at + HEADER_LENGTH <= all.length) {
      const end = at + HEADER_LENGTH + all.readUInt16BE(at)
      if (end > all.length) break
      data.push(all.subarray(at + HEADER_LENGTH, end))
      at = end
    }
    if (at < all.length) {
      this.#queue.push(all.subarray(at))
      this.#queuedLength = all.length - at
    }
    return data.length === 0 ? NOTHING : { data: Buffer.concat(data) }
  }

  #take(length: number): Buffer {
    const all = Buffer.concat(this.#queue.splice(0))
    if (length < all.length) this.#queue.push(all.subarray(length))
    this.#queuedLength = all.length - length
    return all.subarray(0, length)
  }
}

class ClientCodec extends LengthyCodec {
  protected readonly greetingLength = PROOF_LENGTH
  readonly #phrase: string
  readonly #nonce: Buffer

  constructor(phrase: string, random: Random) {
    super()
    this.#phrase = phrase
    this.#nonce = random.fill(Buffer.alloc(NONCE_LENGTH))
  }

  start(): Step {
    return { wire: [{ bytes: Buffer.concat([this.#nonce, proofOf('client', this.#phrase, this.#nonce)]) }] }
  }

  protected greet(proof: Buffer): Step {
    return timingSafeEqual(proof, proofOf('server', this.#phrase, this.#nonce)) ? { established: true } : refuse()
  }
}

class ServerCodec extends LengthyCodec {
  protected readonly greetingLength = NONCE_LENGTH + PROOF_LENGTH
  readonly #phrase: string

  constructor(phrase: string) {
    super()
    this.#phrase = phrase
  }

  start(): Step {
    return NOTHING
  }

  protected greet(greeting: Buffer): Step {
    const nonce = greeting.subarray(0, NONCE_LENGTH)
    const proof = greeting.subarray(NONCE_LENGTH)
    if (!timingSafeEqual(proof, proofOf('client', this.#phrase, nonce))) return refuse()
    return { wire: [{ bytes: proofOf('server', this.#phrase, nonce) }], established: true }
  }
}

function refuse(): Step {
  return { close: new PtError('PT_HANDSHAKE_FAILED', 'the peer does not know the phrase') }
}

function proofOf(side: 'client' | 'server', phrase: string, nonce: Buffer): Buffer {
  return createHash('sha256').update(`${side} ${phrase}`).update(nonce).digest()
}

async function main(): Promise<void> {
  const listener = lengthy.server({ phrase: 'open sesame' }).listen({ host: '127.0.0.1', port: 0 })
  listener.on('connection', (socket) => socket.pipe(socket))
  await once(listener, 'listening')
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP listener has a port')

  const socket = lengthy.client({ phrase: 'open sesame' }).connect({ host: '127.0.0.1', port: address.port })
  socket.end('Hello through a transport of my own\n')
  for await (const bytes of socket) process.stdout.write(bytes as Buffer)
  console.log(`${socket.bytesWritten} bytes written, ${socket.wireBytesWritten} sent on the wire`)
  listener.close()
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  main().catch((error: unknown) => {
    console.error(error)
    process.exitCode = 1
  })
}
