import { addAbortSignal } from 'node:stream'
import { type Codec, type Effect, NOTHING, type Step } from './codec.ts'
import { PtError } from './errors.ts'
import { IdleTimeout } from './idle-timeout.ts'
import type { ByteStream, Clock, Timer } from './platform.ts'
import { scrubError } from './scrub.ts'
import { SocketFace, type SocketSettings } from './socket-face.ts'
import { WireWriter } from './wire-writer.ts'

/** Application bytes held for reading, and for writing, before back-pressure: one whole read of a socket. */
const HIGH_WATER_MARK = 65_536

export interface ConnectionParameters extends SocketSettings {
  readonly codec: Codec
  readonly clock: Clock
  /** Opens the stream; on a server it is there already. Called once, in the constructor. */
  readonly source: ByteStream | ((signal: AbortSignal) => Promise<ByteStream>)
  readonly dialTimeoutMs: number
  readonly handshakeTimeoutMs: number
  readonly lingerMs: number
  readonly unsafeLogging: boolean
  readonly allowHalfOpen?: boolean | undefined
  /** Called once on a server, when the handshake is done, before any data is delivered. */
  readonly onEstablished?: ((connection: Connection) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Where a connection is. `waiting` (a server without room) and `handshake` have a stream and no application yet; `failing` has sent
 * FIN after an error and drops what comes until the peer ends or the linger limit is over.
 */
type Phase = 'dialling' | 'waiting' | 'handshake' | 'open' | 'failing' | 'closed'

type Callback = (error?: Error | null) => void

/**
 * A socket whose bytes travel through a transport: a Duplex with the members of net.Socket, to whose type it fits. It drives one codec over one stream.
 * 'connect' comes after the handshake; writes before it are queued; an error is followed by exactly one 'close'.
 */
export class Connection extends SocketFace {
  readonly #codec: Codec
  readonly #clock: Clock
  readonly #parameters: ConnectionParameters
  readonly #isServer: boolean
  readonly #linger: IdleTimeout
  #phase: Phase
  #stream: ByteStream | undefined
  #writer: WireWriter | undefined
  #deadline: Timer | undefined
  #wake: Timer | undefined
  /** Ends the dial or the effect that is under way. */
  #interrupt: AbortController | undefined
  #effectUnderWay = false
  #peerEnded = false
  #wantsData = false
  #heldWrite: { readonly chunks: readonly Uint8Array[]; readonly callback: Callback } | undefined
  #heldFinal: Callback | undefined
  #establishedEarly = false
  #failure: PtError | undefined
  /** Application bytes whose write is done. */
  #bytesSent = 0
  /** Application bytes received. */
  bytesRead = 0
  /** Bytes received on the wire. */
  wireBytesRead = 0

  constructor(parameters: ConnectionParameters) {
    const buffers = { readableHighWaterMark: HIGH_WATER_MARK, writableHighWaterMark: HIGH_WATER_MARK }
    super({ allowHalfOpen: parameters.allowHalfOpen ?? false, ...buffers }, parameters.clock, parameters)
    this.#parameters = parameters
    this.#codec = parameters.codec
    this.#clock = parameters.clock
    this.#linger = new IdleTimeout(parameters.clock, () => this.#lingered())
    this.#isServer = typeof parameters.source !== 'function'
    if (typeof parameters.source === 'function') {
      this.#phase = 'dialling'
      if (parameters.signal !== undefined) addAbortSignal(parameters.signal, this)
      if (!this.destroyed) this.#dial(parameters.source)
    } else {
      this.#phase = 'waiting'
      this.#attach(parameters.source)
    }
  }

  /** Whether the handshake is still ahead. */
  get connecting(): boolean {
    return this.#phase !== 'open' && this.#phase !== 'failing' && this.#phase !== 'closed'
  }

  /** Application bytes given to write(), also those that still wait. */
  get bytesWritten(): number {
    return this.#bytesSent + this.writableLength
  }

  /** Bytes sent on the wire. */
  get wireBytesWritten(): number {
    return this.#writer?.bytesWritten ?? 0
  }

  /** Begins the handshake of an accepted stream that waited for room. @internal */
  serve(): void {
    if (this.#phase !== 'waiting') return
    this.#phase = 'handshake'
    if (this.#establishedEarly) this.#establish()
    this.#flow()
  }

  override _read(): void {
    this.#wantsData = true
    this.#flow()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#send([chunk], callback)
  }

  override _writev(items: { chunk: Buffer }[], callback: Callback): void {
    this.#send(
      items.map(({ chunk }) => chunk),
      callback,
    )
  }

  override _final(callback: Callback): void {
    this.#endWire(callback)
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#phase = 'closed'
    this.#interrupt?.abort(error ?? undefined)
    this.#interrupt = undefined
    this.#deadline?.cancel()
    this.#wake?.cancel()
    this.retire()
    this.#linger.set(0)
    const interruption = error ?? new Error('the connection was destroyed')
    this.#writer?.destroy(interruption)
    this.#heldWrite?.callback(interruption)
    this.#heldFinal?.(interruption)
    this.#heldWrite = this.#heldFinal = undefined
    const stream = this.#stream
    if (stream === undefined || stream.closed) return callback(error)
    stream.once('close', () => callback(error))
    stream.destroy()
  }

  /** Whether the application's bytes may go to the codec: from 'connect' on, unless an effect is under way or the codec has given up. */
  get #takesInput(): boolean {
    return this.#phase === 'open' && !this.#effectUnderWay && this.#failure === undefined
  }

  #endWire(callback: Callback): void {
    if (!this.#takesInput) {
      this.#heldFinal = callback
      return
    }
    if (this.#codec.end !== undefined) this.#apply(this.#codec.end())
    this.#writer!.end(callback)
    if (!this.allowHalfOpen) this.#linger.set(this.#parameters.lingerMs)
  }

  #dial(dial: (signal: AbortSignal) => Promise<ByteStream>): void {
    const { dialTimeoutMs } = this.#parameters
    this.#setDeadline(dialTimeoutMs, 'PT_DIAL_TIMEOUT', 'the dial')
    this.#interrupt = new AbortController()
    dial(this.#interrupt.signal).then(
      (stream) => {
        this.#interrupt = undefined
        if (this.destroyed) stream.destroy()
        else {
          this.#attach(stream)
          this.serve()
        }
      },
      (error: unknown) => this.#fail(error),
    )
  }

  #attach(stream: ByteStream): void {
    this.#phase = 'waiting'
    this.#stream = stream
    this.#writer = new WireWriter(stream, this.#clock)
    stream.on('data', (bytes: Buffer) => this.#receive(bytes))
    stream.pause()
    stream.on('end', () => this.#finish())
    stream.on('error', (error) => this.#fail(error))
    stream.on('close', () => this.#streamClosed())
    this.adopt(stream)
    this.#setDeadline(this.#parameters.handshakeTimeoutMs, 'PT_HANDSHAKE_TIMEOUT', 'the handshake')
    this.#apply(this.#codec.start())
  }

  #setDeadline(limitMs: number, code: 'PT_DIAL_TIMEOUT' | 'PT_HANDSHAKE_TIMEOUT', what: string): void {
    this.#deadline?.cancel()
    const expire = () => this.#fail(new PtError(code, `${what} was not done within ${limitMs} ms`))
    this.#deadline = this.#clock.setTimer(expire, limitMs, { ref: false })
  }

  #receive(bytes: Buffer): void {
    this.wireBytesRead += bytes.byteLength
    this.touch()
    // What a failed peer still sends must not prolong its end.
    if (this.#phase === 'open') this.#linger.touch()
    if (this.#phase === 'handshake' || this.#phase === 'open') this.#apply(this.#codec.receive(bytes))
  }

  #finish(): void {
    this.#peerEnded = true
    if (this.#phase === 'failing') this.#lingered()
    else if (!this.#effectUnderWay) this.#deliverFinish()
  }

  /** Hands the peer's FIN to the codec, then to the reader. */
  #deliverFinish(): void {
    if (this.#phase === 'closed') return
    this.#apply(this.#codec.finish())
    if (this.#phase === 'open') {
      this.push(null)
      // As net does: an end with nothing before it is told even if nobody reads.
      this.read(0)
    } else if (this.#phase === 'handshake' || this.#phase === 'waiting') {
      this.#fail(new PtError('PT_TRUNCATED', 'the peer ended the stream before the handshake was done'))
    }
  }

  #streamClosed(): void {
    if (this.#phase === 'failing') this.#lingered()
    else if (this.#phase !== 'closed' && !this.#peerEnded) {
      this.#fail(new PtError('PT_TRUNCATED', 'the stream closed before the peer had ended it'))
    } else if (this.#phase === 'open' && !this.writableEnded) {
      // Nothing can be written any more; what was received is still to be read.
      if (this.readableEnded) this.destroy()
      else this.once('end', () => this.destroy())
    }
  }

  #send(chunks: readonly Uint8Array[], callback: Callback): void {
    if (!this.#takesInput) {
      this.#heldWrite = { chunks, callback }
      return
    }
    let length = 0
    for (const chunk of chunks) length += chunk.byteLength
    this.touch()
    this.#apply(this.#codec.send(chunks), (error) => {
      this.#bytesSent += length
      callback(error)
    })
  }

  /** Does what a codec asks for. `written` is called once the step's wire bytes have left for the stream. */
  #apply(step: Step, written?: Callback): void {
    if (this.#phase === 'closed') return written?.()
    // First, since every callback may bring the application's next bytes.
    this.#failure ??= step.close
    if (step.pending !== undefined) this.#effectUnderWay = true
    if (step.wire !== undefined) this.#writer!.write(step.wire, written)
    else written?.()
    if (this.destroyed) return
    if (step.wakeAt !== undefined) this.#setWake(step.wakeAt)
    if (step.pending !== undefined) this.#perform(step.pending)
    if (step.established === true) this.#establish()
    if (step.data !== undefined && !this.destroyed) this.#deliver(step.data)
    if (step.close !== undefined) this.#close()
    this.#flow()
  }

  #deliver(data: Uint8Array): void {
    this.bytesRead += data.byteLength
    if (!this.push(data)) this.#wantsData = false
  }

  #establish(): void {
    this.#establishedEarly = this.#phase === 'waiting'
    if (this.#phase !== 'handshake') return
    this.#phase = 'open'
    this.#deadline?.cancel()
    if (this.#isServer) this.#parameters.onEstablished?.(this)
    else {
      this.emit('connect')
      if (!this.destroyed) this.emit('ready')
    }
    this.#releaseHeld()
    // As net does: read up to the high-water mark, so that the peer's end is seen before anybody reads.
    if (!this.destroyed) this.read(0)
  }

  #releaseHeld(): void {
    if (!this.#takesInput) return
    const write = this.#heldWrite
    this.#heldWrite = undefined
    if (write !== undefined) this.#send(write.chunks, write.callback)
    const final = this.#heldFinal
    this.#heldFinal = undefined
    if (final !== undefined) this.#endWire(final)
  }

  #setWake(at: number | null): void {
    this.#wake?.cancel()
    this.#wake = undefined
    if (at === null || this.#codec.wake === undefined) return
    const delayMs = Math.max(0, at - this.#clock.monotonic())
    this.#wake = this.#clock.setTimer(() => this.#apply(this.#codec.wake!()), delayMs, { ref: false })
  }

  #perform(effect: Effect): void {
    const settle = (outcome: Parameters<NonNullable<Codec['settle']>>[0]) => {
      this.#effectUnderWay = false
      this.#interrupt = undefined
      if (this.#phase === 'closed' || this.#phase === 'failing') return
      this.#apply(this.#codec.settle?.(outcome) ?? NOTHING)
      this.#releaseHeld()
      if (this.#peerEnded && !this.#effectUnderWay) this.#deliverFinish()
    }
    this.#interrupt = new AbortController()
    effect(this.#interrupt.signal).then(
      (value) => settle({ ok: true, value }),
      (error: unknown) => settle({ ok: false, error }),
    )
  }

  /** Lets wire bytes come when somebody can take them: the handshake, a reader, or the drain of a failed connection. */
  #flow(): void {
    const stream = this.#stream
    if (stream === undefined || stream.destroyed) return
    const open = this.#phase === 'open' && this.#wantsData
    const flowing = this.#phase === 'failing' || ((open || this.#phase === 'handshake') && !this.#effectUnderWay)
    if (flowing === !stream.isPaused()) return
    if (flowing) stream.resume()
    else stream.pause()
  }

  #fail(error: unknown): void {
    if (this.#phase === 'closed' || this.#phase === 'failing') return
    this.destroy(this.#parameters.unsafeLogging && error instanceof Error ? error : scrubError(error))
  }

  /** Ends the wire with FIN after the codec gave up, and drops what still comes, so that no unread byte turns the FIN into a reset. */
  #close(): void {
    if (this.#phase === 'closed' || this.#phase === 'failing') return
    const awaitsPeer = this.#isServer && this.#phase !== 'open' && !this.#peerEnded
    this.#phase = 'failing'
    this.#deadline?.cancel()
    this.#setWake(null)
    this.#linger.set(this.#parameters.lingerMs)
    this.#writer!.end(() => {
      if (!awaitsPeer) this.#lingered()
    })
  }

  #lingered(): void {
    const limit = 'the peer did not end its side within the linger limit'
    this.destroy(this.#failure ?? new PtError('PT_LINGER_TIMEOUT', limit))
  }
}
