import type { PacketCounters } from './packets.ts'

/** Why a packet did not get through: the names of the counters. */
export type DropReason = keyof PacketCounters['dropped']

/** Counts what became of the packets of one connection. */
export class PacketTally {
  #sent = 0
  #sentBytes = 0
  #received = 0
  #receivedBytes = 0
  readonly #dropped: Record<DropReason, number> = { full: 0, tooLong: 0, malformed: 0, closed: 0, unreadable: 0 }

  /** The counts as they are now; they do not change later. */
  get counters(): PacketCounters {
    return {
      sent: this.#sent,
      sentBytes: this.#sentBytes,
      received: this.#received,
      receivedBytes: this.#receivedBytes,
      dropped: { ...this.#dropped },
    }
  }

  /** Notes a packet of `length` bytes that has left. */
  sent(length: number): void {
    this.#sent += 1
    this.#sentBytes += length
  }

  /** Notes a packet of `length` bytes that came. */
  received(length: number): void {
    this.#received += 1
    this.#receivedBytes += length
  }

  /** Notes a packet that did not get through. */
  dropped(reason: DropReason): void {
    this.#dropped[reason] += 1
  }
}
