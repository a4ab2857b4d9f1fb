import { IdleTimeout } from '../core/idle-timeout.ts'
import type { PacketConnection } from '../core/packets.ts'
import type { Clock, DatagramAddress } from '../core/platform.ts'

/** Connections, those that are ending among them, past which a newcomer's packet is dropped. */
export const MAX_POOL_ENTRIES = 4_096

export interface UdpPoolParameters {
  readonly clock: Clock
  /** How long a connection is kept without a packet either way, in ms. */
  readonly idleTimeoutMs: number
  /** Says whether a packet can be carried at all: what cannot begins no connection. */
  readonly accepts: (packet: Uint8Array) => boolean
  /** Begins the connection of one application. What is sent before it is there, it queues or drops. */
  readonly connect: () => PacketConnection
  /** Takes a packet back to the application that asked; owns it. */
  readonly reply: (packet: Buffer, application: DatagramAddress) => void
  /** Hears why a connection did not come about. */
  readonly onConnectFailure: (error: unknown) => void
  /** Hears that a newcomer's packet was dropped for want of room; once, until there has been room again. */
  readonly onFull: () => void
  /** MAX_POOL_ENTRIES unless told otherwise. */
  readonly maxEntries?: number
}

/**
 * Keeps a connection for each application, by the address that its packets come from, made with its first packet (PT 3.0 §1.5.4, Table 1,
 * which keys it by PT server: then replies would not find their way). Nobody is evicted; nothing of a removed entry is passed on.
 */
export class UdpPool {
  readonly #parameters: UdpPoolParameters
  readonly #maxEntries: number
  readonly #entries = new Map<string, Entry>()
  /** Until they are closed, which is later than their removal. */
  readonly #connections = new Set<PacketConnection>()
  readonly #waiting: (() => void)[] = []
  #isClosed = false
  #hasToldFull = false

  constructor(parameters: UdpPoolParameters) {
    this.#parameters = parameters
    this.#maxEntries = parameters.maxEntries ?? MAX_POOL_ENTRIES
  }

  /** Entries of the table. */
  get size(): number {
    return this.#entries.size
  }

  /** The state of an application's entry; undefined where there is none. */
  stateOf(application: DatagramAddress): 'waiting' | 'connected' | undefined {
    return this.#entries.get(keyOf(application))?.state
  }

  /** Takes a packet of an application to its connection. The packet is read at once and stays the caller's. */
  receive(packet: Uint8Array, application: DatagramAddress): void {
    const key = keyOf(application)
    let entry = this.#entries.get(key)
    if (entry?.connection.closed === true) {
      // Its peer has ended it, and it waits for the last bytes to leave.
      this.#remove(entry)
      entry = undefined
    }
    entry ??= this.#parameters.accepts(packet) ? this.#add(key, application) : undefined
    if (entry === undefined) return
    // Until then nothing can leave; from then on, what does not leave is none.
    if (entry.state === 'waiting') entry.idle.touch()
    entry.connection.send(packet, entry.onSent)
  }

  /** Takes no newcomers; those who are there go on. */
  close(): void {
    this.#isClosed = true
  }

  /** Resolves once every connection is closed; meaningful after close(). */
  async drained(): Promise<void> {
    if (this.#connections.size === 0) return
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
    })
  }

  /** Takes no newcomers and destroys every connection; resolves when all are closed. */
  async destroy(): Promise<void> {
    this.close()
    for (const entry of this.#entries.values()) this.#remove(entry)
    for (const connection of this.#connections) connection.destroy()
    await this.drained()
  }

  #add(key: string, application: DatagramAddress): Entry | undefined {
    if (this.#isClosed) return undefined
    if (this.#connections.size >= this.#maxEntries) {
      if (!this.#hasToldFull) this.#parameters.onFull()
      this.#hasToldFull = true
      return undefined
    }
    let connection: PacketConnection
    try {
      connection = this.#parameters.connect()
    } catch (error) {
      this.#parameters.onConnectFailure(error)
      return undefined
    }
    const entry: Entry = {
      key,
      connection,
      state: 'waiting',
      idle: new IdleTimeout(this.#parameters.clock, () => this.#expire(entry)),
      onSent: (error) => {
        if (error === null) entry.idle.touch()
        // A write that failed has ended the connection; anything else costs the packet alone.
        else if (connection.closed) this.#remove(entry)
      },
    }
    this.#entries.set(key, entry)
    this.#watch(entry, application)
    entry.idle.set(this.#parameters.idleTimeoutMs)
    return entry
  }

  #watch(entry: Entry, application: DatagramAddress): void {
    const { connection } = entry
    this.#connections.add(connection)
    connection.on('connect', () => {
      entry.state = 'connected'
    })
    connection.on('message', (packet) => {
      if (!this.#holds(entry)) return
      entry.idle.touch()
      this.#parameters.reply(packet, application)
    })
    connection.on('error', (error) => {
      this.#remove(entry)
      if (entry.state === 'waiting') this.#parameters.onConnectFailure(error)
    })
    connection.on('close', () => {
      this.#remove(entry)
      this.#connections.delete(connection)
      this.#hasToldFull = false
      if (this.#connections.size === 0) for (const resolve of this.#waiting.splice(0)) resolve()
    })
  }

  /** The time without a packet is over: what was taken leaves first, where there is a way. */
  #expire(entry: Entry): void {
    const { connection } = entry
    this.#remove(entry)
    if (entry.state === 'waiting') connection.destroy()
    else connection.close()
  }

  #holds(entry: Entry): boolean {
    return this.#entries.get(entry.key) === entry
  }

  #remove(entry: Entry): void {
    entry.idle.set(0)
    if (this.#holds(entry)) this.#entries.delete(entry.key)
  }
}

interface Entry {
  readonly key: string
  readonly connection: PacketConnection
  state: 'waiting' | 'connected'
  readonly idle: IdleTimeout
  /** One for all packets: none of them costs a closure. */
  readonly onSent: (error: Error | null) => void
}

function keyOf({ address, port }: DatagramAddress): string {
  return `${address} ${port}`
}
