import type { Connection } from '../../core/connection.ts'

/** Events of a connection that the suite writes down. */
const EVENTS = ['connect', 'ready', 'end', 'finish', 'timeout', 'drain', 'close'] as const

const MOST_EVENTS_TOLD = 16

/** Writes down what one connection does: its events in order, what it received, and which write was called back how often. */
export class Witness {
  readonly connection: Connection
  readonly label: string
  readonly events: string[] = []
  readonly errors: Error[] = []
  /** Write callbacks, in the order of the writes: how often each was called. */
  readonly callbacks: number[] = []
  /** What each callback was given. */
  readonly callbackErrors: (Error | null | undefined)[] = []
  readonly #received: Buffer[] = []
  /** Application bytes received. */
  receivedLength = 0
  #onData: ((bytes: Buffer) => void) | undefined

  /** Listens to `connection`; reads it from the start unless `reads` is false. */
  constructor(connection: Connection, label: string, reads = true) {
    this.connection = connection
    this.label = label
    for (const event of EVENTS) connection.on(event, () => this.events.push(event))
    connection.on('error', (error: Error) => {
      this.events.push('error')
      this.errors.push(error)
    })
    if (reads) this.read()
  }

  /** What was received, whole; owned by the caller. */
  get received(): Buffer {
    return Buffer.concat(this.#received)
  }

  get error(): Error | undefined {
    return this.errors[0]
  }

  /** The code of the error, its name when it has none, undefined without an error. */
  get errorCode(): string | undefined {
    const error = this.error
    if (error === undefined) return undefined
    return 'code' in error && typeof error.code === 'string' ? error.code : error.name
  }

  get isClosed(): boolean {
    return this.saw('close')
  }

  /** Whether an event has happened. */
  saw(event: (typeof EVENTS)[number] | 'error' | 'data'): boolean {
    return this.events.includes(event)
  }

  /** Begins to read. */
  read(): this {
    this.connection.on('data', (bytes: Buffer) => {
      if (this.events.at(-1) !== 'data') this.events.push('data')
      this.receivedLength += bytes.length
      if (this.#onData === undefined) this.#received.push(Buffer.from(bytes))
      else this.#onData(bytes)
    })
    return this
  }

  /** Hands what is received to `consume`, and keeps it no more. */
  consume(consume: (bytes: Buffer) => void): this {
    this.#onData = consume
    return this
  }

  /** Sends back what comes in, and the end. */
  echo(): this {
    this.connection.pipe(this.connection)
    return this
  }

  /** Writes, and counts the callback. Returns what write() returns. */
  write(bytes: Uint8Array): boolean {
    const index = this.callbacks.push(0) - 1
    return this.connection.write(bytes, (error) => {
      this.callbacks[index]! += 1
      this.callbackErrors[index] = error
    })
  }

  /** Says what is wrong with the events so far; empty when nothing is. `closed` asks for the close and all callbacks, too. */
  faults(closed: boolean): string[] {
    const { events } = this
    const count = (event: string): number => events.filter((seen) => seen === event).length
    const faults: string[] = []
    const check = (holds: boolean, fault: string): void => {
      if (!holds) faults.push(`${this.label}: ${fault} (events: ${this.#told()})`)
    }
    for (const event of ['connect', 'ready', 'end', 'finish', 'error', 'close'])
      check(count(event) <= 1, `'${event}' was emitted ${count(event)} times, it may be emitted once`)
    check(!this.isClosed || events.at(-1) === 'close', "events came after 'close', which is the last")
    check(
      !this.saw('error') || events.slice(events.indexOf('error')).every(isAfterError),
      "'error' is followed by 'close' alone",
    )
    check(count('connect') === count('ready'), "'ready' follows each 'connect'")
    check(
      !this.saw('ready') || events.indexOf('ready') === events.indexOf('connect') + 1,
      "'ready' follows 'connect' at once",
    )
    check(
      !this.saw('connect') || !events.slice(0, events.indexOf('connect')).some(isOfOpen),
      "data or an end came before 'connect'",
    )
    check(
      this.callbacks.every((calls) => calls <= 1),
      'a callback of write() was called more than once',
    )
    if (!closed) return faults
    check(this.isClosed, "'close' was not emitted")
    check(
      this.callbacks.every((calls) => calls === 1),
      'a callback of write() was not called',
    )
    return faults
  }

  /** One line for failure messages. */
  describe(): string {
    const error = this.error === undefined ? '' : `; error ${this.errorCode}: ${this.error.message}`
    return `${this.label}: ${this.#told()}; received ${this.receivedLength} bytes${error}`
  }

  /** The events, the middle left out when they are many. */
  #told(): string {
    const { events } = this
    if (events.length === 0) return 'no event'
    if (events.length <= MOST_EVENTS_TOLD) return events.join(', ')
    return [...events.slice(0, 4), '…', ...events.slice(4 - MOST_EVENTS_TOLD)].join(', ')
  }
}

const isAfterError = (event: string): boolean => event === 'error' || event === 'close'
const isOfOpen = (event: string): boolean => event === 'data' || event === 'end' || event === 'ready'
