import { type Codec, NOTHING, type Step } from '../../core/codec.ts'
import { PtError } from '../../core/errors.ts'
import { GatherBuffer } from '../../util/gather-buffer.ts'
import type { Clock } from '../../core/platform.ts'
import { MAX_HEAD_LENGTH, SPEAK_FIRST_MS } from './constants.ts'
import { decodeRequest, decodeResponse, encodeResponse } from './upgrade.ts'

/** After the exchange bytes travel as they are. */
abstract class TunnelCodec implements Codec {
  protected isOpen = false

  abstract start(): Step

  receive(bytes: Uint8Array): Step {
    return this.isOpen ? { data: bytes } : this.exchange(bytes)
  }

  send(chunks: readonly Uint8Array[]): Step {
    return { wire: [{ bytes: Buffer.concat(chunks) }] }
  }

  finish(): Step {
    return NOTHING
  }

  /** Opens the tunnel; bytes that came already are its first. */
  protected open(data: Uint8Array): Step {
    this.isOpen = true
    return { established: true, wakeAt: null, ...(data.byteLength > 0 && { data }) }
  }

  protected abstract exchange(bytes: Uint8Array): Step
}

function refusal(reason: string): Step {
  return { close: new PtError('PT_HANDSHAKE_FAILED', `The handshake failed: ${reason}`) }
}

/** Gathers the head of a message, and returns what followed it in the last bytes. */
class HeadGatherer {
  readonly #gathered = new GatherBuffer(MAX_HEAD_LENGTH)

  /** Takes bytes and decodes; `rest` is what does not belong to the head. */
  take<Value>(
    bytes: Uint8Array,
    decode: (head: Buffer) => 'incomplete' | 'malformed' | { readonly value: Value; readonly length: number },
  ): 'incomplete' | 'malformed' | { readonly value: Value; readonly rest: Uint8Array } {
    const before = this.#gathered.length
    this.#gathered.append(bytes)
    const decoded = decode(this.#gathered.bytes)
    if (decoded === 'incomplete') return decoded
    this.#gathered.clear()
    if (decoded === 'malformed') return decoded
    return { value: decoded.value, rest: bytes.subarray(decoded.length - before) }
  }
}

/** A client: sends nothing behind its request before the answer is there, since servers lose such bytes. */
export class ClientTunnelCodec extends TunnelCodec {
  readonly #request: Buffer
  readonly #head = new HeadGatherer()

  constructor(request: Buffer) {
    super()
    this.#request = request
  }

  start(): Step {
    return { wire: [{ bytes: this.#request }] }
  }

  protected exchange(bytes: Uint8Array): Step {
    const answer = this.#head.take(bytes, decodeResponse)
    if (answer === 'incomplete') return NOTHING
    if (answer === 'malformed') return refusal('the answer is no response of HTTP/1.1')
    const { status, isGranted } = answer.value
    if (isGranted) return this.open(answer.rest)
    return refusal(
      status === 101 ? 'the answer upgrades to something else' : `the web server answered ${status}, not 101`,
    )
  }
}

/**
 * A server: it answers the request, and is open as soon as the client has sent something after it, or some time has passed. So what the
 * application writes never leaves together with the answer, of which clients would lose it.
 */
export class ServerTunnelCodec extends TunnelCodec {
  readonly #clock: Clock
  readonly #head = new HeadGatherer()
  #hasAnswered = false

  constructor(clock: Clock) {
    super()
    this.#clock = clock
  }

  start(): Step {
    return NOTHING
  }

  wake(): Step {
    return this.#hasAnswered && !this.isOpen ? this.open(Buffer.alloc(0)) : NOTHING
  }

  override finish(): Step {
    return this.wake()
  }

  protected exchange(bytes: Uint8Array): Step {
    if (this.#hasAnswered) return this.open(bytes)
    const request = this.#head.take(bytes, decodeRequest)
    if (request === 'incomplete') return NOTHING
    if (request === 'malformed' || !request.value) return refusal('the request asks for no tunnel')
    this.#hasAnswered = true
    const wire = [{ bytes: encodeResponse() }]
    if (request.rest.byteLength > 0) return { wire, ...this.open(request.rest) }
    return { wire, wakeAt: this.#clock.monotonic() + SPEAK_FIRST_MS }
  }
}
