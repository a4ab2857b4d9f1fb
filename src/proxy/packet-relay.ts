import { IdleTimeout } from '../core/idle-timeout.ts'
import { PacketQueue } from '../core/packet-queue.ts'
import { DEFAULT_PACKET_LIMITS } from '../core/packet-settings.ts'
import type { PacketConnection } from '../core/packets.ts'
import type { Clock, DatagramHandlers, DatagramSocket } from '../core/platform.ts'

export interface PacketRelayOptions {
  readonly clock: Clock
  /** How long the relay goes on without a packet either way, in ms. */
  readonly idleTimeoutMs: number
  /** Opens the socket whose peer is the application server. Packets that come meanwhile wait, as many as before a connection. */
  readonly open: (handlers: DatagramHandlers, signal: AbortSignal) => Promise<DatagramSocket>
  /** Hears of the first packet that the system refused for a reason, by its code; each costs itself alone. */
  readonly onRefused?: (error: Error) => void
}

/**
 * Relays packets between a client's connection and a UDP socket of its own, both owned by the relay from now on, as PT 3.0 §1.5.5 and Table 2
 * have it. Resolves when both are closed; rejects then with the failure of the socket, if that ended it.
 */
export async function relayPackets(connection: PacketConnection, options: PacketRelayOptions): Promise<void> {
  await new PacketRelay(connection, options).run()
}

class PacketRelay {
  readonly #connection: PacketConnection
  readonly #options: PacketRelayOptions
  readonly #idle: IdleTimeout
  readonly #early = new PacketQueue(DEFAULT_PACKET_LIMITS.maxQueuedPackets, DEFAULT_PACKET_LIMITS.maxQueuedBytes)
  readonly #opening = new AbortController()
  #socket: DatagramSocket | undefined
  #failure: { readonly error: unknown } | undefined
  /** Codes of refusals that were told; the system has few. */
  readonly #toldCodes = new Set<unknown>()

  constructor(connection: PacketConnection, options: PacketRelayOptions) {
    this.#connection = connection
    this.#options = options
    this.#idle = new IdleTimeout(options.clock, () => {
      connection.close()
      this.#leave()
    })
  }

  async run(): Promise<void> {
    const connection = this.#connection
    const closed = new Promise<void>((resolve) => {
      connection.once('close', resolve)
    })
    connection.on('message', (packet) => this.#take(packet))
    // What failed is told where the connection was made.
    connection.on('error', () => {})
    connection.on('close', () => this.#leave())
    this.#idle.set(this.#options.idleTimeoutMs)
    await this.#open()
    await closed
    await this.#socket?.close()
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #open(): Promise<void> {
    const { signal } = this.#opening
    const onMessage = (datagram: Buffer): void => this.#answer(datagram)
    const onError = (error: Error): void => this.#fail(error)
    try {
      this.#socket = await this.#options.open({ onMessage, onError }, signal)
      if (signal.aborted) void this.#socket.close()
      for (const { bytes } of this.#early.takeAll()) this.#send(this.#socket, bytes)
    } catch (error) {
      if (!signal.aborted) this.#fail(error)
    }
  }

  /** A packet of the client's. */
  #take(packet: Buffer): void {
    this.#idle.touch()
    if (this.#socket === undefined) this.#early.push({ bytes: packet, length: packet.byteLength, callback: undefined })
    else this.#send(this.#socket, packet)
  }

  #send(socket: DatagramSocket, packet: Uint8Array): void {
    socket.send(packet, undefined, this.#onSent)
  }

  readonly #onSent = (error: Error | null): void => {
    if (error === null || this.#opening.signal.aborted) return
    const code = 'code' in error ? error.code : undefined
    if (this.#toldCodes.has(code)) return
    this.#toldCodes.add(code)
    this.#options.onRefused?.(error)
  }

  /** A packet of the application server's. */
  #answer(datagram: Buffer): void {
    this.#connection.send(datagram, this.#onWritten)
  }

  readonly #onWritten = (error: Error | null): void => {
    // What does not leave prolongs nothing: a client that never reads would stay for as long as it is sent to.
    if (error === null) this.#idle.touch()
    // A write that failed has ended the connection; anything else costs the packet alone.
    else if (this.#connection.closed) this.#leave()
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#leave()
    this.#connection.destroy()
  }

  /** Takes no more packets from the application server. */
  #leave(): void {
    this.#idle.set(0)
    this.#opening.abort(new Error('the client has left'))
    void this.#socket?.close()
  }
}
