import { Duplex } from 'node:stream'
import type { Wire, WireReader } from './wire.ts'

const ERRNO = {
  ECONNREFUSED: -111,
  ECONNRESET: -104,
  EADDRINUSE: -98,
  EMSGSIZE: -90,
  EDESTADDRREQ: -89,
  EPIPE: -32,
  ENOSPC: -28,
  EBADF: -9,
  EIO: -5,
  ENOENT: -2,
}

/** Makes an error as the system's: code, errno and syscall, and whatever else it says. */
export function systemError(code: keyof typeof ERRNO, syscall: string, details: object = {}): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno: ERRNO[code], syscall, ...details })
}

/** The addresses of one end, as a net.Socket tells them. */
export interface EndAddresses {
  readonly localAddress?: string
  readonly localPort?: number
  readonly localFamily?: string
  readonly remoteAddress?: string
  readonly remotePort?: number
  readonly remoteFamily?: string
}

/** Bytes buffered at each end of a link. */
const HIGH_WATER_MARK = 16_384

/** One end of a memory link. It behaves as a net.Socket with allowHalfOpen does: FIN, reset, bounded buffers, one 'close'. */
export class MemoryStream extends Duplex implements WireReader {
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly localFamily: string | undefined
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly remoteFamily: string | undefined
  /** Whether the owner has asked for it to keep the process alive; true as in net. */
  isReferenced = true
  #peer: MemoryStream | undefined
  #incoming: Wire | undefined
  #outgoing: Wire | undefined
  #resets = false

  constructor(addresses: EndAddresses) {
    // The same on every version of Node, whose defaults differ.
    super({ allowHalfOpen: true, highWaterMark: HIGH_WATER_MARK })
    this.localAddress = addresses.localAddress
    this.localPort = addresses.localPort
    this.localFamily = addresses.localFamily
    this.remoteAddress = addresses.remoteAddress
    this.remotePort = addresses.remotePort
    this.remoteFamily = addresses.remoteFamily
  }

  /** Joins the end to its wires; called once, before anything else. */
  attach(peer: MemoryStream, incoming: Wire, outgoing: Wire): void {
    this.#peer = peer
    this.#incoming = incoming
    this.#outgoing = outgoing
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  ref(): this {
    this.isReferenced = true
    return this
  }

  unref(): this {
    this.isReferenced = false
    return this
  }

  /** Destroys this end, so that the peer sees ECONNRESET. */
  resetAndDestroy(): this {
    this.#resets = true
    return this.destroy()
  }

  deliver(piece: Buffer): void {
    if (!this.destroyed) this.push(piece)
  }

  deliverEnd(): void {
    if (!this.destroyed) this.push(null)
  }

  override _read(): void {
    this.#incoming?.want()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#send(chunk, callback)
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), callback)
  }

  override _final(callback: () => void): void {
    this.#outgoing!.end()
    callback()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const unread = this.readableLength > 0
    const lost = this.#incoming?.discard() === true || unread
    const peer = this.#peer
    if (peer !== undefined && !peer.destroyed) {
      if (lost || this.#resets) setImmediate(() => peer.destroy(systemError('ECONNRESET', 'read')))
      else this.#outgoing!.end()
    }
    callback(error)
  }

  #send(bytes: Buffer, callback: (error?: Error | null) => void): void {
    if (this.#peer!.destroyed && !this.#outgoing!.isCut) callback(systemError('EPIPE', 'write'))
    else this.#outgoing!.write(bytes, callback)
  }
}
