import assert from 'node:assert/strict'
import type { Connection } from '../../core/connection.ts'
import type { Listener } from '../../core/listener.ts'
import type { ByteStream } from '../../core/platform.ts'
import type { ClientFactory, ConnectOptions, FactorySettings, ListenOptions } from '../../core/transport.ts'
import { turn } from '../fake-clock.ts'
import type { Link } from '../memory-network.ts'
import type { MemoryPlatform } from '../memory-platform.ts'
import { createMemoryPlatform } from '../memory-platform.ts'
import type { Subject } from './subject.ts'
import { Witness } from './witness.ts'

const HOST = '127.0.0.1'
const DEFAULT_WITHIN_MS = 15_000
const QUIET_TURN_COUNT = 12
const GRACE_MS = 500
const GRACE_STEP_MS = 2

/** How a world is made. */
export interface WorldOptions {
  readonly seed?: string | number
  readonly listen?: Omit<Extract<ListenOptions, { port: number }>, 'port' | 'host'>
  readonly settings?: FactorySettings
  /** Sets taps on a link before its first byte; `index` counts the links. */
  readonly onLink?: (link: Link, index: number) => void
  /** Is given each connection of the listener; without it they are read and kept. */
  readonly serve?: (server: Witness) => void
  /** Whether connections of the listener are read from the start; true by default. */
  readonly serverReads?: boolean
}

/** One server and its clients in a memory platform of their own, all of it written down. */
export class World {
  readonly platform: MemoryPlatform
  readonly listener: Listener
  readonly clientFactory: ClientFactory
  readonly servers: Witness[] = []
  readonly clients: Witness[] = []
  readonly handshakeErrors: Error[] = []
  readonly #probes: ByteStream[] = []
  readonly #serverSpeaksFirst: boolean
  #isListenerClosed = false

  private constructor(platform: MemoryPlatform, listener: Listener, client: ClientFactory, serverSpeaksFirst: boolean) {
    this.#serverSpeaksFirst = serverSpeaksFirst
    this.platform = platform
    this.listener = listener
    this.clientFactory = client
  }

  /** Makes a platform, a listening server and a client factory. */
  static async open(subject: Subject, options: WorldOptions = {}): Promise<World> {
    const platform = createMemoryPlatform({ seed: options.seed ?? 0 })
    const settings = { platform, ...options.settings }
    const listener = subject.server(settings).listen({ ...options.listen, host: HOST, port: 0 })
    await new Promise((resolve, reject) => {
      listener.once('listening', () => resolve(undefined))
      listener.once('error', reject)
    })
    const world = new World(platform, listener, subject.client(listener, settings), subject.traits.serverSpeaksFirst)
    platform.network.onLink = (link) => options.onLink?.(link, platform.network.links.length - 1)
    world.#watch(options)
    return world
  }

  get clock(): MemoryPlatform['clock'] {
    return this.platform.clock
  }

  get network(): MemoryPlatform['network'] {
    return this.platform.network
  }

  /** The port that the server listens on. */
  get port(): number {
    const address = this.listener.address()
    return address !== null && typeof address === 'object' ? address.port : 0
  }

  /** Begins a connection to the server. */
  connect(options: ConnectOptions = {}, reads = true): Witness {
    const connection = this.clientFactory.connect({ host: HOST, port: this.port, ...options })
    const client = new Witness(connection, `client ${this.clients.length + 1}`, reads)
    this.clients.push(client)
    return client
  }

  /** Opens a connection and waits until both sides have it. */
  async pair(options: ConnectOptions = {}, reads = true): Promise<{ client: Witness; server: Witness; link: Link }> {
    const known = this.servers.length
    const linkIndex = this.network.links.length
    const client = this.connect(options, reads)
    await this.until(() => client.saw('ready'), "the client's 'connect'")
    // Where the server cannot speak first it may not know a client before it has written: an empty write lets the codec speak.
    if (!this.#serverSpeaksFirst) client.connection.write(Buffer.alloc(0))
    await this.until(() => this.servers.length > known, "the listener's 'connection'")
    return { client, server: this.servers[known]!, link: this.network.links[linkIndex]! }
  }

  /** Dials the server without the transport, as a prober does. */
  async probe(): Promise<ByteStream> {
    const stream = await this.network.dial({ host: HOST, port: this.port }, { signal: new AbortController().signal })
    stream.on('error', () => undefined)
    this.#probes.push(stream)
    return stream
  }

  /** Waits until `holds`, moving the clock to the next timers when all else has come to rest. Fails with what never happened. */
  async until(holds: () => boolean, what: string, withinMs: number = DEFAULT_WITHIN_MS): Promise<void> {
    const latest = this.clock.monotonic() + withinMs
    for (;;) {
      if (await this.#turnsUntil(holds)) return
      const next = this.clock.nextTimerMs
      if (next !== undefined && this.clock.monotonic() + next <= latest) await this.clock.advance(next)
      else if (!(await this.#waitForThreads(holds))) break
    }
    if (holds()) return
    assert.fail(
      `${what} did not come within ${withinMs} ms of the clock, with nothing left under way\n${this.describe()}`,
    )
  }

  /** Waits until both ends of a pair have closed. */
  async untilClosed(...witnesses: Witness[]): Promise<void> {
    for (const each of witnesses) await this.until(() => each.isClosed, `'close' of ${each.label}`)
  }

  /** Ends everything and holds the world to the rules: orders of events, callbacks, and nothing left behind. */
  async close(): Promise<void> {
    await this.#destroyAll()
    const faults = [...this.clients, ...this.servers].flatMap((witness) => witness.faults(true))
    assert.deepEqual(faults, [], `the rules of a connection's events are broken:\n${faults.join('\n')}`)
    await this.until(() => this.#isListenerClosed, "the listener's 'close' after close() and closeAllConnections()")
    this.assertNothingLeft()
  }

  /** Ends everything without a check, after a failure. */
  async abandon(): Promise<void> {
    await this.#destroyAll()
  }

  /** Fails when a timer, a stream or an address is held. */
  assertNothingLeft(): void {
    assert.equal(
      this.clock.timerCount,
      0,
      `${this.clock.timerCount} timer(s) are left behind: cancel them when the connection ends`,
    )
    assert.equal(
      this.network.openStreamCount,
      0,
      `${this.network.openStreamCount} stream(s) are left open: destroy them`,
    )
    const socketCount = this.platform.datagrams.openSocketCount
    assert.equal(socketCount, 0, `${socketCount} UDP socket(s) are left open: close them`)
    assert.equal(this.network.bindingCount, 0, 'the address is still bound after the listener has closed')
    assert.equal(this.platform.store.lockCount, 0, 'a state file is still locked after the listener has closed')
  }

  /** All that was written down, for failure messages. */
  describe(): string {
    const lines = [...this.clients, ...this.servers].map((witness) => `  ${witness.describe()}`)
    const failed = this.handshakeErrors.map((error) => `  listener: handshakeError ${error.message}`)
    return [...lines, ...failed].join('\n')
  }

  #watch(options: WorldOptions): void {
    this.listener.on('connection', (connection: Connection) => {
      const server = new Witness(connection, `server ${this.servers.length + 1}`, options.serverReads ?? true)
      this.servers.push(server)
      options.serve?.(server)
    })
    this.listener.on('handshakeError', (error: Error) => this.handshakeErrors.push(error))
    this.listener.on('error', () => undefined)
    this.listener.once('close', () => {
      this.#isListenerClosed = true
    })
  }

  async #destroyAll(): Promise<void> {
    this.network.releaseDials()
    for (const { connection } of [...this.clients, ...this.servers]) connection.destroy()
    for (const stream of this.#probes) stream.destroy()
    await this.clock.settle()
    if (!this.#isListenerClosed) this.listener.close()
    this.listener.closeAllConnections()
    await this.clock.settle()
  }

  async #turnsUntil(holds: () => boolean): Promise<boolean> {
    let quiet = 0
    let seen = this.network.activity
    while (quiet < QUIET_TURN_COUNT) {
      if (holds()) return true
      await turn()
      quiet = seen === this.network.activity ? quiet + 1 : 0
      seen = this.network.activity
    }
    return holds()
  }

  /** Gives work outside the event loop (and deferred work) some real time. Returns whether anything has moved. */
  async #waitForThreads(holds: () => boolean): Promise<boolean> {
    const seen = this.network.activity
    const timers = this.clock.timerCount
    for (let waited = 0; waited < GRACE_MS; waited += GRACE_STEP_MS) {
      await new Promise((resolve) => {
        setTimeout(resolve, GRACE_STEP_MS)
      })
      await this.clock.runDeferred()
      if (holds() || this.network.activity !== seen || this.clock.timerCount !== timers) return true
    }
    return false
  }
}

/** Runs a scenario in a world of its own, which is closed and checked afterwards. */
export async function inWorld(
  subject: Subject,
  options: WorldOptions,
  scenario: (world: World) => Promise<void>,
): Promise<void> {
  const world = await World.open(subject, options)
  try {
    await scenario(world)
  } catch (error) {
    await world.abandon()
    throw error
  }
  await world.close()
}
