import type { Connection } from './connection.ts'
import { PtError } from './errors.ts'
import { type EndAddress, PacketEndpoint } from './packet-endpoint.ts'
import type { PacketFault, PacketFraming, PacketReader } from './packet-framing.ts'
import type { OutgoingPacket } from './packet-queue.ts'
import type { PacketLimits } from './packet-settings.ts'
import type { Clock, Timer } from './platform.ts'

/** Packets that one connection delivers in one turn of the event loop: two bytes on the wire may be a packet, and others wait. */
const MAX_PACKETS_PER_TURN = 256

export interface StreamPacketsParameters {
  /** The stream that carries the packets: nobody else reads, writes or ends it. On a server it is open already. */
  readonly connection: Connection
  readonly framing: PacketFraming
  readonly limits: PacketLimits
  readonly clock: Clock
  /** How long a graceful end may take, the peer's included. */
  readonly lingerMs: number
}

/**
 * A PacketConnection over a Connection. Packets of one turn of the event loop leave in one write, so that a transport with frames of its
 * own packs them together. The peer's FIN ends this side too; what is not of the framing ends it with PT_FRAMING_INVALID, and a packet that the
 * end cuts off with PT_TRUNCATED.
 */
export class StreamPackets extends PacketEndpoint {
  readonly #connection: Connection
  readonly #framing: PacketFraming
  readonly #reader: PacketReader
  readonly #clock: Clock
  readonly #lingerMs: number
  /** Packets of this turn, and the turn's end. */
  #batch: OutgoingPacket[] = []
  #turnEnd: NodeJS.Immediate | undefined
  /** Batches that the connection has not taken yet, oldest first. */
  readonly #underWay: OutgoingPacket[][] = []
  /** What one read brought and is not delivered yet; the connection is paused as long as there is something. */
  #arrived: readonly Buffer[] = []
  #fault: string | undefined
  /** What came of the stream while something was not delivered yet, and waits for that. */
  #hasEnded = false
  #hasClosed = false
  #nextDelivery: NodeJS.Immediate | undefined
  #linger: Timer | undefined
  #error: Error | undefined

  constructor(parameters: StreamPacketsParameters) {
    super(parameters.limits, parameters.clock)
    const { connection, framing } = parameters
    this.#connection = connection
    this.#framing = framing
    this.#reader = framing.reader()
    this.#clock = parameters.clock
    this.#lingerMs = parameters.lingerMs
    connection.on('data', (bytes: Buffer) => this.#receive(bytes))
    connection.on('end', () => this.#peerEnded())
    connection.on('error', (error: Error) => {
      this.#error = error
    })
    connection.on('close', () => this.#closed())
    if (connection.connecting) connection.once('connect', () => this.opened(true))
    else this.opened(false)
  }

  ref(): this {
    this.#connection.ref()
    return this
  }

  unref(): this {
    this.#connection.unref()
    return this
  }

  protected override encode(packet: Uint8Array): Uint8Array | PacketFault {
    return this.#framing.frame(packet)
  }

  protected override transmit(packet: OutgoingPacket): void {
    this.#batch.push(packet)
    // The end of the turn's poll phase: datagrams that were read in one go leave in one write, which nextTick would not bring about.
    this.#turnEnd ??= setImmediate(() => this.#flush())
  }

  protected override finish(): void {
    this.#flush()
    this.#connection.end()
    const expire = () => void this.#connection.destroy()
    this.#linger = this.#clock.setTimer(expire, this.#lingerMs, { ref: false })
  }

  protected override tearDown(error: Error | undefined): void {
    this.#connection.destroy(error)
  }

  protected override localEnd(): EndAddress | undefined {
    const { localAddress, localFamily, localPort } = this.#connection
    return endOf(localAddress, localFamily, localPort)
  }

  protected override remoteEnd(): EndAddress | undefined {
    const { remoteAddress, remoteFamily, remotePort } = this.#connection
    return endOf(remoteAddress, remoteFamily, remotePort)
  }

  #receive(bytes: Buffer): void {
    if (!this.isOpen) return
    const { packets, skipped = 0, fault } = this.#reader.receive(bytes)
    for (let count = 0; count < skipped; count++) this.unreadable()
    this.#fault = fault
    if (this.#arrived.length === 0) this.#deliverTurn(packets)
    // The stream had more in its buffer when it was paused.
    else this.#arrived = this.#arrived.concat(packets)
  }

  /** Delivers what one turn may take, and the rest in later ones. */
  #deliverTurn(packets: readonly Buffer[]): void {
    const end = Math.min(packets.length, MAX_PACKETS_PER_TURN)
    for (let index = 0; index < end; index++) this.deliver(packets[index]!)
    // A listener may have ended it.
    if (end < packets.length && this.isOpen) {
      this.#arrived = packets.slice(end)
      this.#connection.pause()
      this.#nextDelivery = setImmediate(() => this.#deliverTurn(this.#arrived))
      return
    }
    const wasPaused = this.#arrived.length > 0
    this.#arrived = []
    if (this.#fault !== undefined && this.isOpen) this.#endByFault(this.#fault)
    else if (wasPaused) this.#goOn()
  }

  /** Takes up what waited for the last packet of a read. */
  #goOn(): void {
    this.#connection.resume()
    if (this.#hasEnded) this.#peerEnded()
    if (this.#hasClosed) this.#closed()
  }

  #endByFault(fault: string): void {
    const what = `The peer sent what is not of the framing "${this.#framing.name}": ${fault}`
    this.destroy(new PtError('PT_FRAMING_INVALID', what))
  }

  #peerEnded(): void {
    this.#hasEnded = true
    if (!this.isOpen || this.#arrived.length > 0) return
    if (this.#reader.pendingLength === 0) {
      this.close()
      return
    }
    // The connection may have closed by now, and would not tell it.
    this.#error ??= new PtError('PT_TRUNCATED', 'The peer ended the stream in the middle of a packet')
    this.destroy(this.#error)
  }

  #flush(): void {
    clearImmediate(this.#turnEnd)
    this.#turnEnd = undefined
    const batch = this.#batch
    if (batch.length === 0) return
    this.#batch = []
    this.#underWay.push(batch)
    // Gathered here, since a corked stream takes more time over a write than a copy of the packet does.
    const bytes = batch.length === 1 ? batch[0]!.bytes : Buffer.concat(batch.map((packet) => packet.bytes))
    this.#connection.write(bytes, (error) => this.#settle(batch, error))
  }

  #settle(batch: OutgoingPacket[], error: Error | null | undefined): void {
    // Told already where the connection has closed.
    if (this.#underWay[0] !== batch) return
    this.#underWay.shift()
    for (const packet of batch) {
      if (error) this.undelivered(packet, 'closed')
      else this.departed(packet)
    }
  }

  #closed(): void {
    this.#hasClosed = true
    if (this.isOpen && this.#arrived.length > 0 && this.#error === undefined) return
    clearImmediate(this.#turnEnd)
    clearImmediate(this.#nextDelivery)
    this.#linger?.cancel()
    const left = [...this.#underWay.splice(0), this.#batch].flat()
    this.#batch = []
    for (const packet of left) this.undelivered(packet, 'closed')
    this.ended(this.#error)
  }
}

function endOf(
  address: string | undefined,
  family: string | undefined,
  port: number | undefined,
): EndAddress | undefined {
  if (address === undefined || family === undefined || port === undefined) return undefined
  return { address, family, port }
}
