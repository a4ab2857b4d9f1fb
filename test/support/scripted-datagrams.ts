import type { DatagramAddress, DatagramHandlers, DatagramSocket, UdpAddress } from '../../src/core/platform.ts'

const HERE: DatagramAddress = Object.freeze({ address: '127.0.0.1', family: 'IPv4', port: 6001 })
const THERE: DatagramAddress = Object.freeze({ address: '127.0.0.1', family: 'IPv4', port: 53 })

/** A connected UDP socket that notes what it sends, and receives and fails as a test says. */
export class ScriptedSocket implements DatagramSocket {
  readonly address = HERE
  readonly remote = THERE
  readonly sent: string[] = []
  isClosed = false
  /** What the next datagrams fail with. */
  failure: Error | undefined
  readonly #handlers: DatagramHandlers

  constructor(handlers: DatagramHandlers) {
    this.#handlers = handlers
  }

  /** A datagram of its peer. */
  bring(text: string): void {
    this.#handlers.onMessage(Buffer.from(text), THERE)
  }

  /** A failure that ends it. */
  fail(error: Error): void {
    this.isClosed = true
    this.#handlers.onError(error)
  }

  send(datagram: Uint8Array, _to?: UdpAddress, done?: (error: Error | null) => void): void {
    const failure = this.isClosed ? new Error('closed') : this.failure
    if (failure === undefined) this.sent.push(Buffer.from(datagram).toString())
    done?.(failure ?? null)
  }

  async close(): Promise<void> {
    this.isClosed = true
  }

  ref(): void {}

  unref(): void {}
}
