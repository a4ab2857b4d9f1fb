import type { PacketConnection, PacketSource } from '../../core/packets.ts'

/** Writes down what one packet connection does: its events in order, the packets that came, and what became of those sent. */
export class PacketWitness {
  readonly packets: PacketConnection
  readonly label: string
  readonly events: string[] = []
  readonly errors: Error[] = []
  readonly messages: Buffer[] = []
  readonly sources: PacketSource[] = []
  /** By packet, in the order they were sent: how often its callback was called, and with which error. */
  readonly callbacks: number[] = []
  readonly callbackErrors: (Error | null)[] = []
  #messageCount = 0

  constructor(packets: PacketConnection, label: string) {
    this.packets = packets
    this.label = label
    packets.on('connect', () => this.events.push('connect'))
    packets.on('close', () => this.events.push('close'))
    packets.on('error', (error) => {
      this.events.push('error')
      this.errors.push(error)
    })
    packets.on('message', (packet, source) => {
      if (this.events.at(-1) !== 'message') this.events.push('message')
      this.#messageCount += 1
      this.messages.push(packet)
      this.sources.push(source)
    })
  }

  get isClosed(): boolean {
    return this.events.includes('close')
  }

  /** The code of the error, undefined without one. */
  get errorCode(): unknown {
    const error = this.errors[0]
    return error !== undefined && 'code' in error ? error.code : error?.name
  }

  /** Sends a packet, and counts its callback. */
  send(packet: Uint8Array): void {
    const index = this.callbacks.push(0) - 1
    this.packets.send(packet, (error) => {
      this.callbacks[index]! += 1
      this.callbackErrors[index] = error
    })
  }

  /** Forgets the packets that have come. Returns the last. */
  takeLast(): Buffer | undefined {
    this.sources.splice(0)
    return this.messages.splice(0).at(-1)
  }

  /** Sends back whatever comes. */
  echo(): this {
    this.packets.on('message', (packet) => this.send(packet))
    return this
  }

  /** Says what is wrong with a connection that is over; empty when nothing is. */
  faults(): string[] {
    const { events } = this
    const count = (event: string): number => events.filter((seen) => seen === event).length
    const faults: string[] = []
    const check = (holds: boolean, fault: string): void => {
      if (!holds) faults.push(`${this.label}: ${fault} (events: ${events.join(', ') || 'none'})`)
    }
    check(count('close') === 1 && events.at(-1) === 'close', "'close' comes once, and last")
    check(count('error') <= 1 && count('connect') <= 1, "'connect' and 'error' come once at most")
    check(count('error') === 0 || events.at(-2) === 'error', "'error' is followed by 'close' alone")
    check(
      this.callbacks.every((calls) => calls === 1),
      'each callback of send() is called once',
    )
    check(
      this.packets.getSendQueueCount() === 0 && this.packets.getSendQueueSize() === 0,
      'nothing waits after the end',
    )
    const { sent, dropped, received } = this.packets.counters
    const unsent = dropped.full + dropped.closed + dropped.tooLong + dropped.malformed
    check(
      sent + unsent === this.callbacks.length,
      `of ${this.callbacks.length} packets ${sent} left and ${unsent} did not`,
    )
    check(received === this.#messageCount, `${received} are counted where ${this.#messageCount} came`)
    return faults
  }

  describe(): string {
    const error = this.errors[0] === undefined ? '' : `; error ${String(this.errorCode)}: ${this.errors[0].message}`
    const counters = JSON.stringify(this.packets.counters)
    return `${this.label}: ${this.events.join(', ') || 'no event'}; ${counters}${error}`
  }
}
