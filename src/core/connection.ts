import { addAbortSignal } from 'node:stream'
import { type Codec, type Effect, NOTHING, type Step } from './codec.ts'
import { PtError } from './errors.ts'
import { IdleTimeout } from './idle-timeout.ts'
import type { ByteStream, Clock, TcpAddress, Timer } from './platform.ts'
import { scrubError } from './scrub.ts'
import { SocketFace, type SocketSettings } from './socket-face.ts'
import { byteLengthOf, takeBytes } from '../util/take-bytes.ts'
import { WireWriter } from './wire-writer.ts'

/** Application bytes held for reading, and for writing, before back-pressure: one whole read of a socket. */
const HIGH_WATER_MARK = 65_536
/** Application bytes that a codec is given at once; a longer write goes in parts, so that none holds up every other connection. */
export const MAX_SEND_LENGTH = 262_144

export interface ConnectionParameters extends SocketSettings {
  readonly codec: Codec
  readonly clock: Clock
  readonly target?: TcpAddress | undefined
  /** Opens the stream; on a server it is there already. Called once, in the constructor. */
  readonly source: ByteStream | ((signal: AbortSignal) => Promise<ByteStream>)
  readonly dialTimeoutMs: number
  readonly handshakeTimeoutMs: number
  readonly lingerMs: number
  readonly unsafeLogging: boolean
  readonly allowHalfOpen?: boolean | undefined
  /** Called once on a server, when the handshake is done, before any data is delivered. */
  readonly onEstablished?: ((connection: Connection) => void) | undefined
  /** Called once on a server whose codec gave up before that: FIN is on its way, and the rest is drained. */
  readonly onRefused?: ((connection: Connection, error: PtError) => void) | undefined
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
  #heldWrite: { readonly chunks: Uint8Array[]; readonly callback: Callback; readonly length: number } | undefined
  #heldFinal: Callback | undefined
  #establishedEarly = false
  #failure: PtError | undefined
  /** Application bytes whose write is done. */
  #bytesSent = 0
  /** The application server that the client asks for, where the transport carries one; on a server from 'connection' on. */
  target: TcpAddress | undefined
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
    this.target = parameters.target
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
    return this.#phase === 'closed' ? this.#bytesSent : this.#bytesSent + this.writableLength
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
    const beforeConnection = this.connecting
    this.#bytesSent = this.bytesWritten
    this.#phase = 'closed'
    this.#interrupt?.abort(error ?? undefined)
    this.#interrupt = undefined
    this.#deadline?.cancel()
    this.#wake?.cancel()
    this.retire()
    this.#linger.set(0)
    const held = [this.#heldWrite?.callback, this.#heldFinal].filter((callback) => callback !== undefined)
    const outstanding = [...(this.#writer?.destroy() ?? []), ...held]
    this.#heldWrite = this.#heldFinal = undefined
    const finish = () => {
      callback(error)
      if (outstanding.length === 0) return
      // After 'close', as in net: a Writable takes an error of these for the stream's own.
      process.nextTick(() => {
        const interruption = error ?? interruptionOf(beforeConnection)
        for (const done of outstanding) done(interruption)
      })
    }
    const stream = this.#stream
    if (stream === undefined || stream.closed) return finish()
    stream.once('close', finish)
    stream.destroy()
  }

  /** Whether the application's bytes may go to the codec: from 'connect' on, unless an effect is under way or the codec has given up. */
  get #takesInput(): boolean {
    return this.#phase === 'open' && !this.#effectUnderWay && this.#failure === undefined
  }

  /** Whether the codec is to be asked nothing more. */
  get #isEnding(): boolean {
    return this.#phase === 'failing' || this.#phase === 'closed'
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
    this.#setDeadline(dialTimeoutMs, 'PT_DIAL_TIMEOUT', 'dial')
    this.#interrupt = new AbortController()
    const onStream = (stream: ByteStream) => {
      this.#interrupt = undefined
      if (this.destroyed) stream.destroy()
      else {
        this.#attach(stream)
        this.serve()
      }
    }
    // Out of the promise, since what a 'connect' listener throws is nobody's rejection.
    dial(this.#interrupt.signal).then(
      (stream) => process.nextTick(onStream, stream),
      (error: unknown) => process.nextTick(() => this.#fail(error)),
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
    this.#setDeadline(this.#parameters.handshakeTimeoutMs, 'PT_HANDSHAKE_TIMEOUT', 'handshake')
    this.#apply(this.#codec.start())
  }

  #setDeadline(limitMs: number, code: 'PT_DIAL_TIMEOUT' | 'PT_HANDSHAKE_TIMEOUT', what: string): void {
    this.#deadline?.cancel()
    const expire = () => this.#fail(new PtError(code, `The ${what} was not done within ${limitMs} ms`))
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
    if (this.#isEnding) return
    this.#apply(this.#codec.finish())
    if (this.#effectUnderWay) return
    if (this.#phase === 'open') {
      this.push(null)
      // As net does: an end with nothing before it is told even if nobody reads.
      this.read(0)
    } else if (this.#phase === 'handshake' || this.#phase === 'waiting') {
      this.#fail(new PtError('PT_TRUNCATED', 'The peer ended the stream before the handshake was done'))
    }
  }

  #streamClosed(): void {
    if (this.#phase === 'failing') this.#lingered()
    else if (this.#phase !== 'closed' && !this.#peerEnded) {
      this.#fail(new PtError('PT_TRUNCATED', 'The stream closed before the peer had ended it'))
    } else if (this.#phase === 'open' && !this.writableEnded) {
      // Nothing can be written any more; what was received is still to be read.
      if (this.readableEnded) this.destroy()
      else this.once('end', () => this.destroy())
    }
  }

  /** Sends `chunks`, which it uses up, in parts; `length` is that of the whole write. */
  #send(chunks: Uint8Array[], callback: Callback, length: number = byteLengthOf(chunks)): void {
    if (this.#phase === 'closed') return callback(interruptionOf(false))
    if (!this.#takesInput) {
      this.#heldWrite = { chunks, callback, length }
      return
    }
    const part = length > MAX_SEND_LENGTH ? takeBytes(chunks, MAX_SEND_LENGTH) : chunks.splice(0)
    this.touch()
    this.#apply(this.#codec.send(part), (error) => {
      if (error) return callback(error)
      if (chunks.length > 0) return void setImmediate(() => this.#send(chunks, callback, length))
      if (this.#phase !== 'closed') this.#bytesSent += length
      callback()
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
    // A callback may have ended it all, by destroy() or by a step of its own.
    if (this.#isEnding) return
    if (step.wakeAt !== undefined) this.#setWake(step.wakeAt)
    if (step.pending !== undefined) this.#perform(step.pending)
    if (step.target !== undefined) this.target = step.target
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
    if (write !== undefined) this.#send(write.chunks, write.callback, write.length)
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
      if (this.#isEnding) return
      this.#apply(this.#codec.settle?.(outcome) ?? NOTHING)
      this.#releaseHeld()
      if (this.#peerEnded && !this.#effectUnderWay) this.#deliverFinish()
    }
    this.#interrupt = new AbortController()
    effect(this.#interrupt.signal).then(
      (value) => process.nextTick(settle, { ok: true, value }),
      (error: unknown) => process.nextTick(settle, { ok: false, error }),
    )
  }

  /** Lets wire bytes come when somebody can take them: the handshake, a reader, or the drain of a failed connection. */
  #flow(): void {
    const stream = this.#stream
    if (stream === undefined) return
    const open = this.#phase === 'open' && this.#wantsData
    const flowing = this.#phase === 'failing' || ((open || this.#phase === 'handshake') && !this.#effectUnderWay)
    if (flowing === !stream.isPaused()) return
    // One that is destroyed may still hand out what it holds, unless it is paused.
    if (!flowing) stream.pause()
    else if (!stream.destroyed) stream.resume()
  }

  #fail(error: unknown): void {
    if (this.#isEnding) return
    this.destroy(this.#parameters.unsafeLogging && error instanceof Error ? error : scrubError(error))
  }

  /** Ends the wire with FIN after the codec gave up, and drops what still comes, so that no unread byte turns the FIN into a reset. */
  #close(): void {
    if (this.#isEnding) return
    const awaitsPeer = this.#isServer && this.#phase !== 'open' && !this.#peerEnded
    this.#phase = 'failing'
    this.#deadline?.cancel()
    this.#setWake(null)
    this.#linger.set(this.#parameters.lingerMs)
    this.#writer!.end(() => {
      if (!awaitsPeer) this.#lingered()
    })
    if (awaitsPeer) this.#parameters.onRefused?.(this, this.#failure!)
  }

  #lingered(): void {
    const limit = 'The peer did not end its side within the linger limit'
    this.destroy(this.#failure ?? new PtError('PT_LINGER_TIMEOUT', limit))
  }
}

/** The error of a write or end that a destroyed connection leaves undone, with net's codes. */
function interruptionOf(beforeConnection: boolean): Error {
  const code = beforeConnection ? 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION' : 'ERR_STREAM_DESTROYED'
  return Object.assign(new Error('The connection was destroyed before this was done'), { code })
}
