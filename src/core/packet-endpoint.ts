import { EventEmitter } from 'node:events'
import process from 'node:process'
import { PtError } from './errors.ts'
import { IdleTimeout } from './idle-timeout.ts'
import type { PacketFault } from './packet-framing.ts'
import { readPacketInput, readSendArguments, type SendCallback } from './packet-input.ts'
import { type OutgoingPacket, PacketQueue } from './packet-queue.ts'
import type { PacketLimits } from './packet-settings.ts'
import { type DropReason, PacketTally } from './packet-tally.ts'
import type {
  PacketConnection,
  PacketConnectionEvents,
  PacketCounters,
  PacketInput,
  PacketSendOptions,
} from './packets.ts'
import type { Clock, TcpAddress, UdpAddress } from './platform.ts'

/** Packets that wait to leave, past which newer ones are dropped: their bytes alone bound nothing where they have none. */
const MAX_SEND_PACKETS = 4_096

/** An address of one end, as dgram.Socket gives it. */
export interface EndAddress {
  readonly address: string
  readonly family: string
  readonly port: number
}

const NOWHERE: EndAddress = Object.freeze({ address: '', family: '', port: 0 })

/**
 * What every PacketConnection does, whatever carries its packets: the queue before the connection, the bound on what waits to leave, counters,
 * the idle time-out, and the order of events. What carries them is the subclass.
 */
export abstract class PacketEndpoint extends EventEmitter<PacketConnectionEvents> implements PacketConnection {
  readonly #limits: PacketLimits
  readonly #tally = new PacketTally()
  readonly #queue: PacketQueue
  readonly #idle: IdleTimeout
  #phase: 'connecting' | 'open' | 'closing' | 'closed' = 'connecting'
  /** close() came before the connection. */
  #closesOnceOpen = false
  #waitingBytes = 0
  #waitingCount = 0
  #peer: EndAddress = NOWHERE

  constructor(limits: PacketLimits, clock: Clock) {
    super()
    this.#limits = limits
    this.#queue = new PacketQueue(limits.maxQueuedPackets, limits.maxQueuedBytes)
    this.#idle = new IdleTimeout(clock, () => this.close())
  }

  get connecting(): boolean {
    return this.#phase === 'connecting'
  }

  get closed(): boolean {
    return this.#phase === 'closing' || this.#phase === 'closed' || this.#closesOnceOpen
  }

  get counters(): PacketCounters {
    return this.#tally.counters
  }

  send(packet: PacketInput, options?: PacketSendOptions | SendCallback, then?: SendCallback): void {
    const { from, callback } = readSendArguments(options, then)
    if (from !== undefined && !this.carriesAddresses)
      throw new PtError('PT_TARGET_UNSUPPORTED', 'Packets of this connection carry no address')
    const bytes = readPacketInput(packet)
    if (this.closed) return this.#refuse('closed', callback)
    const encoded = this.encode(bytes, from)
    if (encoded === 'too-long') return this.#refuse('tooLong', callback)
    if (encoded === 'malformed') return this.#refuse('malformed', callback)
    const outgoing = { bytes: encoded, length: bytes.byteLength, callback }
    if (this.#phase === 'open') return this.#dispatch(outgoing)
    for (const dropped of this.#queue.push(outgoing)) this.#refuse('full', dropped.callback)
  }

  close(onClose?: () => void): this {
    if (onClose !== undefined) {
      if (this.#phase === 'closed') process.nextTick(onClose)
      else this.once('close', onClose)
    }
    if (this.closed) return this
    if (this.#phase === 'open') this.#finish()
    else if (this.#queue.count === 0) this.destroy()
    else this.#closesOnceOpen = true
    return this
  }

  destroy(error?: Error): this {
    if (this.#phase === 'closed') return this
    this.#phase = 'closing'
    this.#idle.set(0)
    this.tearDown(error)
    return this
  }

  address(): EndAddress {
    return this.localEnd() ?? notConnected('local')
  }

  remoteAddress(): EndAddress {
    return this.remoteEnd() ?? notConnected("peer's")
  }

  getSendQueueSize(): number {
    return this.#queue.byteLength + this.#waitingBytes
  }

  getSendQueueCount(): number {
    return this.#queue.count + this.#waitingCount
  }

  abstract ref(): this
  abstract unref(): this

  /** Makes a packet's bytes as they travel, a copy, or says why it cannot go. */
  protected abstract encode(packet: Uint8Array, from: UdpAddress | undefined): Uint8Array | PacketFault
  /** Sends a packet; departed() or undelivered() must be called once for it, before ended(). */
  protected abstract transmit(packet: OutgoingPacket): void
  /** Begins the graceful end, which ended() completes: what was transmitted leaves first. Called once. */
  protected abstract finish(): void
  /** Ends at once, in any state; ended() must follow, with the error, in a later turn. May be called again. */
  protected abstract tearDown(error: Error | undefined): void
  /** The address of this end, undefined without one. */
  protected abstract localEnd(): EndAddress | undefined
  /** The address of the peer, undefined without one. */
  protected abstract remoteEnd(): EndAddress | undefined

  /** Whether packets may name their sender. */
  protected get carriesAddresses(): boolean {
    return false
  }

  /** Whether packets that come are still for the application. */
  protected get isOpen(): boolean {
    return this.#phase === 'open'
  }

  /** The connection is there: what was queued leaves. `announce` emits 'connect'. */
  protected opened(announce: boolean): void {
    if (this.#phase !== 'connecting') return
    this.#phase = 'open'
    this.#peer = this.remoteEnd() ?? NOWHERE
    this.#idle.set(this.#limits.idleTimeoutMs)
    for (const packet of this.#queue.takeAll()) this.#dispatch(packet)
    if (this.#closesOnceOpen) this.#finish()
    else if (announce) this.#tell(() => this.emit('connect'))
  }

  /** The peer has another address from now on. */
  protected moved(): void {
    this.#peer = this.remoteEnd() ?? NOWHERE
  }

  /**
   * Hands on one packet that came, with where it is to go if it says so; the packet is the application's from now on. Nothing that a listener
   * throws comes back.
   */
  protected deliver(packet: Buffer, target?: TcpAddress): void {
    if (this.#phase !== 'open') return
    const size = packet.byteLength
    this.#tally.received(size)
    this.#idle.touch()
    const { address, family, port } = this.#peer
    const source = { address, family, port, size }
    try {
      this.emit('message', packet, target === undefined ? source : { ...source, target })
    } catch (error) {
      throwLater(error)
    }
  }

  /** Counts what came and was not recognised. */
  protected unreadable(): void {
    this.#tally.dropped('unreadable')
  }

  /** Notes that a transmitted packet has left. */
  protected departed(packet: OutgoingPacket): void {
    this.#release(packet)
    this.#tally.sent(packet.length)
    this.#idle.touch()
    const { callback, length } = packet
    if (callback === undefined) return
    try {
      callback(null, length)
    } catch (error) {
      throwLater(error)
    }
  }

  /** Notes that a transmitted packet did not leave, and why; `cause` is the system's error. */
  protected undelivered(packet: OutgoingPacket, reason: DropReason, cause?: Error): void {
    this.#release(packet)
    this.#refuse(reason, packet.callback, cause)
  }

  /** All is over: 'error', if there was one, then 'close'. */
  protected ended(error?: Error): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#idle.set(0)
    for (const { callback } of this.#queue.takeAll()) this.#refuse('closed', callback)
    if (error !== undefined) this.#tell(() => this.emit('error', error))
    this.#tell(() => this.emit('close'))
  }

  #finish(): void {
    this.#phase = 'closing'
    this.#idle.set(0)
    this.finish()
  }

  #dispatch(packet: OutgoingPacket): void {
    const { byteLength } = packet.bytes
    const isFull = this.#waitingCount > 0 && this.#waitingBytes + byteLength > this.#limits.maxSendBuffer
    if (isFull || this.#waitingCount >= MAX_SEND_PACKETS) return this.#refuse('full', packet.callback)
    this.#waitingBytes += byteLength
    this.#waitingCount += 1
    this.transmit(packet)
  }

  #release(packet: OutgoingPacket): void {
    this.#waitingBytes -= packet.bytes.byteLength
    this.#waitingCount -= 1
  }

  #refuse(reason: DropReason, callback: SendCallback | undefined, cause?: Error): void {
    this.#tally.dropped(reason)
    if (callback === undefined) return
    process.nextTick(callback, cause === undefined ? REFUSALS[reason] : refusalOf(reason, { cause }), 0)
  }

  /** Calls the application. What it throws is uncaught, as in dgram, and harms nobody who called us. Packets do without its closure. */
  #tell(call: () => void): void {
    try {
      call()
    } catch (error) {
      throwLater(error)
    }
  }
}

function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}

function notConnected(which: string): never {
  throw new PtError('PT_NOT_CONNECTED', `The packet connection has no ${which} address`)
}

function refusalOf(reason: DropReason, options?: { readonly cause: Error }): PtError {
  switch (reason) {
    case 'full':
      return new PtError('PT_PACKET_DROPPED', 'The packet was dropped: too many wait to leave', options)
    case 'closed':
      return new PtError('PT_PACKET_DROPPED', 'The packet was dropped: the connection has ended', options)
    case 'unreadable':
      return new PtError('PT_PACKET_DROPPED', 'The packet was refused by the system', options)
    case 'tooLong':
      return new PtError('PT_PACKET_TOO_LONG', 'The packet is longer than can be carried', options)
    default:
      return new PtError('PT_PACKET_MALFORMED', 'The packet is not what the framing carries', options)
  }
}

/** One for all packets: under overload an error for each would cost more than to send it. */
const REFUSALS: Readonly<Record<DropReason, PtError>> = Object.freeze({
  full: Object.freeze(refusalOf('full')),
  closed: Object.freeze(refusalOf('closed')),
  unreadable: Object.freeze(refusalOf('unreadable')),
  tooLong: Object.freeze(refusalOf('tooLong')),
  malformed: Object.freeze(refusalOf('malformed')),
})
