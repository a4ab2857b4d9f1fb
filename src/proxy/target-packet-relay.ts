import type { PacketConnection } from '../core/packets.ts'
import type { Clock, DatagramAddress, Datagrams, DatagramSocket, TcpAddress } from '../core/platform.ts'
import { resolveTarget, type TargetRules } from './target-resolver.ts'

/** Targets of one client that it hears answers from, the newest. */
export const MAX_PACKET_TARGETS = 256
/** Names of one client whose addresses are kept, and for how long in ms. */
export const MAX_PACKET_NAMES = 64
export const PACKET_NAME_LIFETIME_MS = 60_000
/** Packets of one client that wait for a name or a socket; newer ones are dropped. */
export const MAX_WAITING_PACKETS = 64

export interface TargetPacketRelayParameters extends TargetRules {
  readonly datagrams: Datagrams
  readonly clock: Clock
}

/** Brings a client's packets to where each is to go, from one socket for each family, and brings back what comes from there. The connection's own idle time-out ends it. */
export function relayTargetPackets(packets: PacketConnection, parameters: TargetPacketRelayParameters): void {
  const relay = new TargetPacketRelay(packets, parameters)
  packets.on('error', () => {})
  packets.on('message', (packet, { target }) => {
    if (target !== undefined) void relay.take(packet, target)
  })
  packets.once('close', () => relay.close())
}

class TargetPacketRelay {
  readonly #packets: PacketConnection
  readonly #parameters: TargetPacketRelayParameters
  readonly #sockets = new Map<string, Promise<DatagramSocket>>()
  readonly #names = new Map<string, { readonly address: Promise<string>; readonly until: number }>()
  /** Who may answer; the newest last. */
  readonly #targets = new Set<string>()
  #waitingCount = 0
  #isClosed = false

  constructor(packets: PacketConnection, parameters: TargetPacketRelayParameters) {
    this.#packets = packets
    this.#parameters = parameters
  }

  async take(packet: Buffer, { host, port }: TcpAddress): Promise<void> {
    // Nobody can be meant by port 0.
    if (port === 0 || this.#waitingCount >= MAX_WAITING_PACKETS) return
    this.#waitingCount += 1
    try {
      const address = await this.#addressOf(host)
      // A socket that is bound from here on would never be closed.
      if (this.#isClosed) return
      const socket = await this.#socketFor(address)
      if (this.#isClosed) return
      this.#admit(`${address} ${port}`)
      socket.send(packet, { host: address, port })
    } catch {
      // A target that cannot be had costs its packets, as on any network.
    } finally {
      this.#waitingCount -= 1
    }
  }

  close(): void {
    this.#isClosed = true
    for (const socket of this.#sockets.values()) {
      void socket.then((opened) => opened.close()).catch(() => {})
    }
  }

  #addressOf(host: string): Promise<string> {
    const now = this.#parameters.clock.monotonic()
    const known = this.#names.get(host)
    if (known !== undefined && known.until > now) return known.address
    const address = resolveTarget(host, this.#parameters).then(([first]) => first!)
    this.#names.delete(host)
    if (this.#names.size >= MAX_PACKET_NAMES) this.#names.delete(this.#names.keys().next().value!)
    this.#names.set(host, { address, until: now + PACKET_NAME_LIFETIME_MS })
    return address
  }

  #socketFor(address: string): Promise<DatagramSocket> {
    const local = address.includes(':') ? '::' : '0.0.0.0'
    let socket = this.#sockets.get(local)
    if (socket === undefined) {
      socket = this.#parameters.datagrams.bind(
        { host: local, port: 0 },
        {
          onMessage: (datagram, source) => this.#answer(datagram, source),
          onError: () => void this.#packets.destroy(),
        },
      )
      this.#sockets.set(local, socket)
      // What the system refuses now it may grant the next packet.
      socket.catch(() => this.#sockets.delete(local))
    }
    return socket
  }

  #admit(target: string): void {
    this.#targets.delete(target)
    if (this.#targets.size >= MAX_PACKET_TARGETS) this.#targets.delete(this.#targets.values().next().value!)
    this.#targets.add(target)
  }

  #answer(datagram: Buffer, { address, port }: DatagramAddress): void {
    if (this.#isClosed || !this.#targets.has(`${address} ${port}`)) return
    this.#packets.send(datagram, { from: { host: address, port } })
  }
}
