import { Duplex, type DuplexOptions } from 'node:stream'
import { IdleTimeout } from './idle-timeout.ts'
import { PtError } from './errors.ts'
import type { ByteStream, Clock } from './platform.ts'
import type { PeerAddress } from './transport.ts'

/** Longest time that a timer of Node's can wait, in ms. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

/** Socket settings that hold from the start. */
export interface SocketSettings {
  /** Where the peer is, in place of what the stream says. */
  readonly peer?: PeerAddress | undefined
  readonly noDelay?: boolean | undefined
  readonly keepAlive?: boolean | undefined
  readonly keepAliveInitialDelay?: number | undefined
  readonly timeout?: number | undefined
}

/** A Duplex with the members of net.Socket that callers use, answered by a stream underneath once there is one. */
export abstract class SocketFace extends Duplex {
  readonly #idle: IdleTimeout
  readonly #peer: PeerAddress | undefined
  #stream: ByteStream | undefined
  #referenced = true
  #noDelay: boolean | undefined
  #keepAlive: readonly [boolean, number] | undefined

  constructor(options: DuplexOptions, clock: Clock, settings: SocketSettings) {
    super(options)
    this.#idle = new IdleTimeout(clock, () => this.emit('timeout'))
    this.#peer = settings.peer
    this.#noDelay = settings.noDelay
    if (settings.keepAlive === true) this.#keepAlive = [true, settings.keepAliveInitialDelay ?? 0]
    if (settings.timeout !== undefined) this.setTimeout(settings.timeout)
  }

  /** Whether the handshake is still ahead. */
  abstract get connecting(): boolean

  /** Whether there is no connection yet, or no more. */
  get pending(): boolean {
    return this.connecting || this.destroyed
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening'
    if (this.readable && this.writable) return 'open'
    if (this.readable) return 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }

  get timeout(): number | undefined {
    return this.#idle.limitMs
  }

  get localAddress(): string | undefined {
    return this.#stream?.localAddress
  }

  get localPort(): number | undefined {
    return this.#stream?.localPort
  }

  get localFamily(): string | undefined {
    return this.#stream?.localFamily
  }

  get remoteAddress(): string | undefined {
    return this.#peer?.remoteAddress ?? this.#stream?.remoteAddress
  }

  get remotePort(): number | undefined {
    return this.#peer?.remotePort ?? this.#stream?.remotePort
  }

  get remoteFamily(): string | undefined {
    if (this.#peer !== undefined) return this.#peer.remoteAddress.includes(':') ? 'IPv6' : 'IPv4'
    return this.#stream?.remoteFamily
  }

  /** Bytes written and not yet taken by the stream, as the deprecated member of net.Socket. */
  get bufferSize(): number {
    return this.writableLength
  }

  /** Always empty: what a dialer tried, it keeps to itself. */
  get autoSelectFamilyAttemptedAddresses(): string[] {
    return []
  }

  /** Throws PT_ALREADY_CONNECTED: a Client Factory makes a connection, which is never used for another. */
  connect(): never {
    throw new PtError('PT_ALREADY_CONNECTED', 'A connection is made by a Client Factory, and cannot connect again')
  }

  /** The local address, as net.Socket's address() gives it: empty before there is one. */
  address(): { address?: string; family?: string; port?: number } {
    const { localAddress, localFamily, localPort } = this
    if (localAddress === undefined || localFamily === undefined || localPort === undefined) return {}
    return { address: localAddress, family: localFamily, port: localPort }
  }

  /**
   * Emits 'timeout' after `timeoutMs` without a byte either way; 0 switches it off. The connection stays open. Throws the errors of
   * net.Socket's, ERR_INVALID_ARG_TYPE and ERR_OUT_OF_RANGE; the latter above 2^31 - 1 too, where a timer of Node's would fire at once.
   */
  setTimeout(timeoutMs: number, onTimeout?: () => void): this {
    checkTimeout(timeoutMs, onTimeout)
    this.#idle.set(timeoutMs)
    if (onTimeout !== undefined) {
      if (timeoutMs === 0) this.off('timeout', onTimeout)
      else this.once('timeout', onTimeout)
    }
    return this
  }

  /** Sets TCP_NODELAY where the stream has it; kept until there is a stream. */
  setNoDelay(noDelay = true): this {
    this.#noDelay = noDelay
    this.#stream?.setNoDelay?.(noDelay)
    return this
  }

  /** Sets TCP keep-alive where the stream has it; kept until there is a stream. */
  setKeepAlive(enable = false, initialDelayMs = 0): this {
    this.#keepAlive = [enable, initialDelayMs]
    this.#stream?.setKeepAlive?.(enable, initialDelayMs)
    return this
  }

  ref(): this {
    this.#referenced = true
    this.#stream?.ref?.()
    return this
  }

  unref(): this {
    this.#referenced = false
    this.#stream?.unref?.()
    return this
  }

  /** Emits; 'close' tells whether an error came before it, as net.Socket's does. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'close') return super.emit(event, this.errored !== null)
    return super.emit(event, ...args)
  }

  /** Ends, then destroys once everything written has left. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  /** Destroys with a TCP reset where the stream has one. */
  resetAndDestroy(): this {
    this.#stream?.resetAndDestroy?.()
    return this.destroy()
  }

  /** Puts the stream underneath and gives it the settings that were waiting for it. */
  protected adopt(stream: ByteStream): void {
    this.#stream = stream
    if (this.#noDelay !== undefined) stream.setNoDelay?.(this.#noDelay)
    if (this.#keepAlive !== undefined) stream.setKeepAlive?.(...this.#keepAlive)
    if (!this.#referenced) stream.unref?.()
  }

  /** Notes a byte either way. */
  protected touch(): void {
    this.#idle.touch()
  }

  /** Switches the idle time-out off for good. */
  protected retire(): void {
    this.#idle.set(0)
  }
}

function checkTimeout(timeoutMs: unknown, onTimeout: unknown): void {
  if (typeof timeoutMs !== 'number')
    throw withCode(new TypeError('The timeout must be a number of ms'), 'ERR_INVALID_ARG_TYPE')
  if (!(timeoutMs >= 0 && timeoutMs <= LONGEST_TIMEOUT_MS))
    throw withCode(new RangeError(`The timeout must be from 0 to ${LONGEST_TIMEOUT_MS} ms`), 'ERR_OUT_OF_RANGE')
  if (onTimeout !== undefined && typeof onTimeout !== 'function')
    throw withCode(new TypeError("The listener of 'timeout' must be a function"), 'ERR_INVALID_ARG_TYPE')
}

/** Gives an error the code by which callers know net's of the same kind. */
function withCode(error: Error, code: string): Error {
  return Object.assign(error, { code })
}
