import { PeerDatagrams } from './datagram-packets.ts'
import type { PacketLimits } from './packet-settings.ts'
import type { DatagramCodec } from './packets.ts'
import type {
  Acceptor,
  BoundAddress,
  Clock,
  DatagramAddress,
  DatagramSocket,
  Datagrams,
  UdpAddress,
} from './platform.ts'
import { scrubError } from './scrub.ts'

export interface DatagramAcceptorParameters {
  readonly datagrams: Datagrams
  /** Without a host it is every address, of both families where there are two. */
  readonly address: { readonly host?: string | undefined; readonly port: number }
  readonly createCodec: () => DatagramCodec
  /** Names the session of a datagram, before it is authenticated; undefined drops it. Without this a peer is its address. */
  readonly sessionKey?: ((datagram: Uint8Array) => string | undefined) | undefined
  readonly limits: PacketLimits
  readonly clock: Clock
  readonly lingerMs: number
  readonly unsafeLogging: boolean
}

/** Called by an acceptor of datagrams. */
export interface DatagramAcceptorHandlers {
  /** How many peers there may be. */
  readonly maxPeers: () => number
  readonly onPackets: (packets: PeerDatagrams) => void
  /** A newcomer was recognised, and dropped for lack of room. */
  readonly onDrop: () => void
  /** A failure after which nothing more is received; all peers have ended with it. */
  readonly onError: (error: Error) => void
}

const EVERY_ADDRESS = ['::', '0.0.0.0'] as const

/**
 * Keeps the clients of one UDP socket apart by their addresses, or by the sessions that datagrams name. Whoever sends a datagram that a new codec opens is a peer until it ends,
 * as a rule by its idle time-out; what nobody opens costs nothing and gets no answer.
 */
export class DatagramAcceptor implements Acceptor {
  readonly #parameters: DatagramAcceptorParameters
  readonly #handlers: DatagramAcceptorHandlers
  readonly #peers = new Map<string, PeerDatagrams>()
  #socket: DatagramSocket | undefined
  #onEmpty: (() => void) | undefined
  #closed: Promise<void> | undefined

  private constructor(parameters: DatagramAcceptorParameters, handlers: DatagramAcceptorHandlers) {
    this.#parameters = parameters
    this.#handlers = handlers
  }

  /** Binds; rejects with the system's error. */
  static async bind(
    parameters: DatagramAcceptorParameters,
    handlers: DatagramAcceptorHandlers,
  ): Promise<DatagramAcceptor> {
    const acceptor = new DatagramAcceptor(parameters, handlers)
    const { host, port } = parameters.address
    try {
      await acceptor.#bind({ host: host ?? EVERY_ADDRESS[0], port })
    } catch (error) {
      // As net does on a system without IPv6.
      if (host !== undefined || !isFamilyLacking(error)) throw error
      await acceptor.#bind({ host: EVERY_ADDRESS[1], port })
    }
    return acceptor
  }

  get address(): BoundAddress {
    return this.#socket!.address
  }

  get peerCount(): number {
    return this.#peers.size
  }

  /** Takes no newcomers from now on. Resolves when the last peer has ended and the address is free. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  destroyAll(): void {
    for (const peer of this.#peers.values()) peer.destroy()
  }

  ref(): void {
    this.#socket?.ref()
  }

  unref(): void {
    this.#socket?.unref()
  }

  async #bind(local: UdpAddress): Promise<void> {
    this.#socket = await this.#parameters.datagrams.bind(local, {
      onMessage: (datagram, source) => this.#receive(datagram, source),
      onError: (error) => this.#fail(error),
    })
  }

  #receive(datagram: Buffer, source: DatagramAddress): void {
    const { sessionKey } = this.#parameters
    const key = sessionKey === undefined ? `${source.address} ${source.port}` : sessionKey(datagram)
    if (key === undefined) return
    const peer = this.#peers.get(key)
    if (peer !== undefined) peer.receive(datagram, source)
    else if (this.#closed === undefined) this.#meet(key, datagram, source)
  }

  #meet(key: string, datagram: Buffer, source: DatagramAddress): void {
    const codec = this.#parameters.createCodec()
    const packet = codec.open(datagram)
    // A datagram may come before bind() has told us of the socket: it is lost, as one a moment before.
    if (packet === undefined || this.#socket === undefined) return
    if (this.#peers.size >= this.#handlers.maxPeers()) return this.#handlers.onDrop()
    const { limits, clock, lingerMs, unsafeLogging } = this.#parameters
    const peer = new PeerDatagrams({
      codec,
      limits,
      clock,
      lingerMs,
      unsafeLogging,
      socket: this.#socket,
      remote: source,
      onEnded: () => {
        this.#peers.delete(key)
        if (this.#peers.size === 0) this.#onEmpty?.()
      },
    })
    this.#peers.set(key, peer)
    peer.begin(() => this.#handlers.onPackets(peer), packet, datagram.length)
  }

  #fail(error: Error): void {
    const told = this.#parameters.unsafeLogging ? error : scrubError(error)
    for (const peer of this.#peers.values()) peer.destroy(told)
    this.#handlers.onError(error)
  }

  async #close(): Promise<void> {
    if (this.#peers.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve))
    await this.#socket?.close()
  }
}

function isFamilyLacking(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL' || error.code === 'EINVAL'
}
