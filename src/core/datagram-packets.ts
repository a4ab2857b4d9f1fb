import { type EventEmitter, errorMonitor } from 'node:events'
import { PtError } from './errors.ts'
import type { Log } from './log.ts'
import { type EndAddress, PacketEndpoint } from './packet-endpoint.ts'
import type { PacketFault } from './packet-framing.ts'
import type { OutgoingPacket } from './packet-queue.ts'
import type { PacketLimits } from './packet-settings.ts'
import type { DropReason } from './packet-tally.ts'
import type { AddressedPacket, DatagramCodec } from './packets.ts'
import type { Clock, DatagramAddress, DatagramSocket, Datagrams, Timer, UdpAddress } from './platform.ts'
import { scrubError } from './scrub.ts'
import { codeOf, packetTrafficOf, type Traffic } from './traffic.ts'

/** What the ends of packets in datagrams are made with. */
export interface DatagramEndParameters {
  readonly codec: DatagramCodec
  readonly limits: PacketLimits
  readonly clock: Clock
  /** How long a graceful end waits for datagrams that the system has not taken, in ms. */
  readonly lingerMs: number
  readonly unsafeLogging: boolean
}

const CLOSED_CODES: ReadonlySet<unknown> = new Set(['EBADF', 'ECANCELED', 'ERR_SOCKET_DGRAM_NOT_RUNNING'])

/** What both ends of packets in datagrams do: a datagram for each packet, and what the system refuses costs that packet. */
abstract class DatagramPackets extends PacketEndpoint implements Traffic {
  protected readonly parameters: DatagramEndParameters
  readonly #codec: DatagramCodec
  readonly #underWay = new Set<OutgoingPacket>()
  #linger: Timer | undefined
  #isFinishing = false
  #isTornDown = false
  #wireBytesRead = 0
  #wireBytesWritten = 0

  constructor(parameters: DatagramEndParameters) {
    super(parameters.limits, parameters.clock)
    this.parameters = parameters
    this.#codec = parameters.codec
  }

  /** Bytes of all packets each way. */
  get bytesRead(): number {
    return this.counters.receivedBytes
  }

  get bytesWritten(): number {
    return this.counters.sentBytes
  }

  /** Bytes of all datagrams each way. */
  get wireBytesRead(): number {
    return this.#wireBytesRead
  }

  get wireBytesWritten(): number {
    return this.#wireBytesWritten
  }

  /** Takes a datagram; one that is not recognised is counted. A peer that sends from elsewhere than before is followed there. */
  receive(datagram: Buffer, source?: DatagramAddress): void {
    if (!this.isOpen) return
    const opened = this.#codec.open(datagram)
    if (opened !== undefined && source !== undefined) this.follow(source)
    if (opened !== undefined) return this.receiveOpened(opened, datagram.length)
    this.#wireBytesRead += datagram.length
    this.unreadable()
  }

  /** Takes the packet of a datagram that was opened elsewhere. */
  protected receiveOpened(opened: Buffer | AddressedPacket, datagramLength: number): void {
    this.#wireBytesRead += datagramLength
    if ('packet' in opened) this.deliver(opened.packet, opened.target)
    else this.deliver(opened)
  }

  /** Sends to this address from now on, where that is not settled. */
  protected follow(_source: DatagramAddress): void {}

  protected override get carriesAddresses(): boolean {
    return this.#codec.carriesAddresses === true
  }

  protected override encode(packet: Uint8Array, from: UdpAddress | undefined): Uint8Array | PacketFault {
    return this.#codec.seal(packet, from)
  }

  protected override transmit(packet: OutgoingPacket): void {
    this.#underWay.add(packet)
    this.sendDatagram(packet.bytes, (error) => this.#settle(packet, error))
  }

  protected override finish(): void {
    this.#isFinishing = true
    if (this.#underWay.size === 0) return this.tearDown(undefined)
    this.#linger = this.parameters.clock.setTimer(() => this.destroy(), this.parameters.lingerMs, { ref: false })
  }

  protected override tearDown(error: Error | undefined): void {
    if (this.#isTornDown) return
    this.#isTornDown = true
    this.#linger?.cancel()
    const left = [...this.#underWay]
    this.#underWay.clear()
    for (const packet of left) this.undelivered(packet, 'closed')
    void this.#giveUp(error)
  }

  /** Sends one datagram; `done` is called once, in a later turn. */
  protected abstract sendDatagram(datagram: Uint8Array, done: (error: Error | null) => void): void
  /** Gives the socket up. */
  protected abstract closeSocket(): Promise<void>

  async #giveUp(reason: Error | undefined): Promise<void> {
    // Nothing can be done about a failure to close.
    await this.closeSocket().catch(() => {})
    this.ended(reason)
  }

  #settle(packet: OutgoingPacket, error: Error | null): void {
    // Told already where this end was torn down.
    if (!this.#underWay.delete(packet)) return
    if (error === null) {
      this.#wireBytesWritten += packet.bytes.byteLength
      this.departed(packet)
    } else this.undelivered(packet, reasonOf(error), this.parameters.unsafeLogging ? error : scrubError(error))
    if (this.#isFinishing && this.#underWay.size === 0) this.tearDown(undefined)
  }
}

export interface ClientDatagramsParameters extends DatagramEndParameters {
  readonly datagrams: Datagrams
  readonly address: UdpAddress
  readonly dialTimeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** A client's packets in datagrams: a connected socket of its own. Datagrams know no greeting: 'connect' says that the socket is there. */
export class ClientDatagrams extends DatagramPackets {
  readonly #interrupt = new AbortController()
  #socket: DatagramSocket | undefined
  #deadline: Timer | undefined
  #isReferenced = true

  constructor(parameters: ClientDatagramsParameters) {
    super(parameters)
    const { clock, dialTimeoutMs, signal } = parameters
    const expire = () =>
      this.destroy(new PtError('PT_DIAL_TIMEOUT', `The dial was not done within ${dialTimeoutMs} ms`))
    this.#deadline = clock.setTimer(expire, dialTimeoutMs, { ref: false })
    if (signal !== undefined) this.#endOn(signal)
    void this.#connect(parameters)
  }

  override ref(): this {
    this.#isReferenced = true
    this.#socket?.ref()
    return this
  }

  override unref(): this {
    this.#isReferenced = false
    this.#socket?.unref()
    return this
  }

  protected override sendDatagram(datagram: Uint8Array, done: (error: Error | null) => void): void {
    // Nothing is transmitted before the socket is there.
    this.#socket!.send(datagram, undefined, done)
  }

  protected override async closeSocket(): Promise<void> {
    this.#deadline?.cancel()
    this.#interrupt.abort()
    await this.#socket?.close()
  }

  protected override localEnd(): EndAddress | undefined {
    return this.#socket?.address
  }

  protected override remoteEnd(): EndAddress | undefined {
    return this.#socket?.remote
  }

  #endOn(signal: AbortSignal): void {
    const onAbort = (): void => {
      const aborted = new Error('The operation was aborted', { cause: signal.reason })
      this.destroy(Object.assign(aborted, { name: 'AbortError', code: 'ABORT_ERR' }))
    }
    if (signal.aborted) onAbort()
    else {
      signal.addEventListener('abort', onAbort, { once: true })
      this.once('close', () => signal.removeEventListener('abort', onAbort))
    }
  }

  async #connect({ datagrams, address }: ClientDatagramsParameters): Promise<void> {
    const { signal } = this.#interrupt
    const handlers = {
      onMessage: (datagram: Buffer) => this.receive(datagram),
      onError: (error: Error) => this.#fail(error),
    }
    try {
      signal.throwIfAborted()
      const socket = await datagrams.connect(address, handlers, { signal })
      // Aborted while it was on its way to us.
      if (signal.aborted) return await socket.close()
      this.#deadline?.cancel()
      this.#socket = socket
      if (!this.#isReferenced) socket.unref()
    } catch (error) {
      return this.#fail(error)
    }
    this.opened(true)
  }

  #fail(error: unknown): void {
    this.destroy(this.parameters.unsafeLogging && error instanceof Error ? error : scrubError(error))
  }
}

export interface PeerDatagramsParameters extends DatagramEndParameters {
  readonly socket: DatagramSocket
  readonly remote: EndAddress
  /** Called once, before 'close': the peer is no more. */
  readonly onEnded: () => void
}

/** One client's packets on a server, on the socket that all of them share; ref() and unref() are the listener's. */
export class PeerDatagrams extends DatagramPackets {
  readonly #socket: DatagramSocket
  #remote: EndAddress
  #destination: UdpAddress
  readonly #onEnded: () => void

  constructor(parameters: PeerDatagramsParameters) {
    super(parameters)
    const { socket, remote } = parameters
    this.#socket = socket
    this.#remote = Object.freeze({ address: remote.address, family: remote.family, port: remote.port })
    this.#destination = Object.freeze({ host: remote.address, port: remote.port })
    this.#onEnded = parameters.onEnded
  }

  /** Begins, once the application has it, with the packet that made it known and the length of its datagram. */
  begin(announce: () => void, opened: Buffer | AddressedPacket, datagramLength: number): void {
    this.opened(false)
    announce()
    this.receiveOpened(opened, datagramLength)
  }

  override ref(): this {
    return this
  }

  override unref(): this {
    return this
  }

  protected override sendDatagram(datagram: Uint8Array, done: (error: Error | null) => void): void {
    this.#socket.send(datagram, this.#destination, done)
  }

  protected override follow({ address, family, port }: DatagramAddress): void {
    if (port === this.#remote.port && address === this.#remote.address) return
    this.#remote = Object.freeze({ address, family, port })
    this.#destination = Object.freeze({ host: address, port })
    this.moved()
  }

  protected override closeSocket(): Promise<void> {
    this.#onEnded()
    return Promise.resolve()
  }

  protected override localEnd(): EndAddress {
    return this.#socket.address
  }

  protected override remoteEnd(): EndAddress {
    return this.#remote
  }
}

/** Tells the log of packets in datagrams, as of connections. */
export function logDatagrams(packets: ClientDatagrams | PeerDatagrams, role: 'client' | 'server', log: Log): void {
  const opened = (): void => log('connection:open', { role })
  if (packets.connecting) packets.once('connect', opened)
  else opened()
  packets.once('close', () => log('connection:close', packetTrafficOf(packets, packets, role)))
  const emitter: EventEmitter = packets
  emitter.once(errorMonitor, (error: Error) => log('connection:error', { role, ...codeOf(error) }))
}

function reasonOf(error: Error): DropReason {
  const code = 'code' in error ? error.code : undefined
  if (code === 'EMSGSIZE') return 'tooLong'
  if (code === 'ENOBUFS') return 'full'
  return CLOSED_CODES.has(code) ? 'closed' : 'unreadable'
}
