import type { ByteStream, Clock } from '../../core/platform.ts'
import { type ProxiedClient, decodeProxyHeader } from '../../wire/proxy-protocol.ts'
import { MAX_PROXY_HEADERS, PROXY_HEADER_TIMEOUT_MS } from './constants.ts'

type OnClient = (stream: ByteStream, client: ProxiedClient | undefined) => void

/** Takes the header of the PROXY protocol off streams. A stream that has none within the limits is destroyed. */
export class ProxyHeaders {
  readonly #clock: Clock
  readonly #onClient: OnClient
  readonly #streams = new Set<ByteStream>()

  constructor(clock: Clock, onClient: OnClient) {
    this.#clock = clock
    this.#onClient = onClient
  }

  /** Owns the stream until it is handed on; false where too many wait, and the stream destroyed. */
  accept(stream: ByteStream): boolean {
    stream.on('error', () => {})
    if (this.#streams.size >= MAX_PROXY_HEADERS) {
      stream.destroy()
      return false
    }
    this.#streams.add(stream)
    let gathered: Buffer = Buffer.alloc(0)
    const timer = this.#clock.setTimer(() => stream.destroy(), PROXY_HEADER_TIMEOUT_MS, { ref: false })
    const leave = (): void => {
      timer.cancel()
      this.#streams.delete(stream)
      stream.off('data', onData).off('close', leave).off('end', onEnd)
    }
    const onEnd = (): void => void stream.destroy()
    const onData = (bytes: Buffer): void => {
      gathered = Buffer.concat([gathered, bytes])
      const header = decodeProxyHeader(gathered)
      if (header === 'incomplete') return
      if (header === 'malformed') {
        stream.destroy()
        return
      }
      leave()
      stream.pause()
      if (header.length < gathered.length) stream.unshift(gathered.subarray(header.length))
      this.#onClient(stream, header.value)
    }
    stream.on('data', onData).on('close', leave).on('end', onEnd).resume()
    return true
  }

  /** Destroys the streams that wait. */
  close(): void {
    for (const stream of this.#streams) stream.destroy()
  }
}
