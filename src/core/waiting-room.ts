import type { Connection } from './connection.ts'

export interface WaitingRoomLimits {
  readonly maxConnections: number
  readonly maxHandshakes: number
  /** Accepted streams that may wait unserved; past it newcomers are turned away. */
  readonly backlog: number
}

/**
 * Keeps a listener's connections: those that wait unserved, those in their handshake, those open. Nobody is evicted: a newcomer past a
 * limit waits, unread, until one of the others ends. Node cannot leave a stream in the system's accept queue; this is that queue.
 * Handshakes take no place among the connections, or silent clients could; who is done when all places are taken waits once more.
 */
export class WaitingRoom {
  readonly #waiting = new Set<Connection>()
  readonly #handshaking = new Set<Connection>()
  /** Done with the handshake, still counted as one, and waiting for a place. */
  readonly #ready = new Map<Connection, () => void>()
  readonly #open = new Set<Connection>()
  /** Refused, with FIN under way: they take no place and end by their linger limit. */
  readonly #draining = new Set<Connection>()
  readonly #onLeave: () => void
  #limits: WaitingRoomLimits

  constructor(limits: WaitingRoomLimits, onLeave: () => void) {
    this.#limits = limits
    this.#onLeave = onLeave
  }

  get limits(): WaitingRoomLimits {
    return this.#limits
  }

  set limits(limits: WaitingRoomLimits) {
    this.#limits = limits
    this.#serveNext()
  }

  /** All of its connections. */
  get size(): number {
    return this.#waiting.size + this.#handshaking.size + this.#open.size + this.#draining.size
  }

  get openCount(): number {
    return this.#open.size
  }

  /** Whether a newcomer could not even wait. */
  get isFull(): boolean {
    return !this.#hasRoom && this.#waiting.size >= this.#limits.backlog
  }

  /** Takes a newcomer, and serves it when there is room. */
  enter(connection: Connection): void {
    this.#waiting.add(connection)
    connection.once('close', () => {
      this.#waiting.delete(connection)
      this.#handshaking.delete(connection)
      this.#ready.delete(connection)
      this.#open.delete(connection)
      this.#draining.delete(connection)
      this.#serveNext()
      this.#onLeave()
    })
    this.#serveNext()
  }

  /** Notes that a handshake is done; calls `admit` as soon as there is a place, perhaps at once. */
  opened(connection: Connection, admit: () => void): void {
    this.#ready.set(connection, admit)
    this.#serveNext()
  }

  /** Notes that a connection was refused: its place among the handshakes is free. */
  refused(connection: Connection): void {
    this.#waiting.delete(connection)
    this.#handshaking.delete(connection)
    this.#draining.add(connection)
    this.#serveNext()
  }

  /** Ends all that is not open yet. */
  endHandshakes(): void {
    for (const connection of [...this.#waiting, ...this.#handshaking, ...this.#draining]) connection.destroy()
  }

  destroyAll(): void {
    this.endHandshakes()
    for (const connection of this.#open) connection.destroy()
  }

  get #hasRoom(): boolean {
    const { maxConnections, maxHandshakes } = this.#limits
    return this.#open.size + this.#ready.size < maxConnections && this.#handshaking.size < maxHandshakes
  }

  #serveNext(): void {
    for (const [connection, admit] of this.#ready) {
      if (this.#open.size >= this.#limits.maxConnections) break
      this.#ready.delete(connection)
      this.#handshaking.delete(connection)
      this.#open.add(connection)
      admit()
    }
    for (const connection of this.#waiting) {
      if (!this.#hasRoom) return
      this.#waiting.delete(connection)
      this.#handshaking.add(connection)
      connection.serve()
    }
  }
}
