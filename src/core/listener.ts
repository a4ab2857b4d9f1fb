import { EventEmitter } from 'node:events'
import type { Connection } from './connection.ts'
import type { DatagramAcceptor, DatagramAcceptorHandlers } from './datagram-acceptor.ts'
import { PtError } from './errors.ts'
import { wholeNumber } from './limits.ts'
import { WaitingRoom, type WaitingRoomLimits } from './waiting-room.ts'
import type { Log } from './log.ts'
import type { PacketConnection } from './packets.ts'
import type { Acceptor, Binder, BoundAddress, ByteStream, ListenAddress, TcpAddress } from './platform.ts'
import { scrubError } from './scrub.ts'
import { codeOf } from './traffic.ts'
import type { Arguments, Front, PeerAddress, ServerSession } from './transport.ts'

export interface ListenerParameters {
  readonly transport: string
  readonly binder: Binder
  readonly address: ListenAddress
  readonly limits: WaitingRoomLimits
  readonly log: Log
  readonly unsafeLogging: boolean
  readonly signal?: AbortSignal | undefined
  /** Reads state and makes what every connection shares. */
  openSession(): Promise<ServerSession>
  closeSession(): Promise<void>
  /** Makes the connection of an accepted stream, which waits until it is served. */
  createConnection(session: ServerSession, accepted: AcceptedStream, handlers: HandshakeHandlers): Connection
  /** Makes a packet connection of one that got through; absent where clients come for bytes. */
  readonly packetsOver?: ((connection: Connection) => PacketConnection) | undefined
  /** Binds for datagrams in place of streams, where clients come for packets in those. */
  readonly bindDatagrams?:
    | ((session: ServerSession, handlers: DatagramPeerHandlers) => Promise<DatagramAcceptor>)
    | undefined
}

/** What a listener hears of an acceptor of datagrams. */
export type DatagramPeerHandlers = Omit<DatagramAcceptorHandlers, 'onPackets'> & {
  readonly onPackets: (packets: PacketConnection) => void
}

/** An accepted stream that is a tunnel, and the peer that a front knows it to be of. */
export interface AcceptedStream {
  readonly stream: ByteStream
  readonly peer: PeerAddress | undefined
}

/** How the handshake of an accepted stream went. */
export interface HandshakeHandlers {
  readonly onEstablished: (connection: Connection) => void
  readonly onRefused: (connection: Connection, error: PtError) => void
}

interface ListenerEvents {
  listening: []
  /** A client that got through the transport. */
  connection: [connection: Connection]
  /** The same of a listener for packets, in place of 'connection'. */
  packets: [packets: PacketConnection]
  /** A client that did not: for counting and logs. It got no answer. */
  handshakeError: [error: Error]
  /** A client that was turned away since too many wait already. */
  drop: []
  error: [error: Error]
  close: []
}

/**
 * Listens like net.Server for clients of one transport: 'listening', then 'connection' for each that got through, 'close' at last.
 * Whatever a client does costs one connection. It is async-iterable.
 */
export class Listener extends EventEmitter<ListenerEvents> {
  readonly #parameters: ListenerParameters
  readonly #room: WaitingRoom
  #state: 'starting' | 'listening' | 'closing' | 'closed' = 'starting'
  #acceptor: Acceptor | undefined
  /** The acceptor, where it is one of datagrams. */
  #peers: DatagramAcceptor | undefined
  #session: ServerSession | undefined
  #front: Front | undefined
  #referenced = true
  /** Ends a start that nobody waits for any more. */
  readonly #ending = new AbortController()

  constructor(parameters: ListenerParameters) {
    super()
    this.#parameters = parameters
    this.#room = new WaitingRoom(parameters.limits, () => this.#closeIfDone())
    const { signal } = parameters
    if (signal?.aborted === true) this.close()
    else if (signal !== undefined) {
      const onAbort = () => this.close()
      signal.addEventListener('abort', onAbort, { once: true })
      this.once('close', () => signal.removeEventListener('abort', onAbort))
    }
    void this.#start()
  }

  get transport(): string {
    return this.#parameters.transport
  }

  get listening(): boolean {
    return this.#state === 'listening'
  }

  /** Open connections beyond which newcomers wait unserved. Throws PT_OPTION_INVALID unless it is set to a whole number from 1. */
  get maxConnections(): number {
    return this.#room.limits.maxConnections
  }

  set maxConnections(count: number) {
    const checked = wholeNumber('maxConnections', count, 1, Number.MAX_SAFE_INTEGER)
    this.#room.limits = { ...this.#room.limits, maxConnections: checked }
  }

  /** What clients need besides the address. Throws PT_LISTENER_STATE before 'listening'. */
  get clientArguments(): Arguments {
    if (this.#session === undefined) {
      throw new PtError('PT_LISTENER_STATE', 'The client arguments are known from the event "listening" on')
    }
    return this.#session.clientArguments
  }

  /** What bridge lines name in place of the bound address, where the transport has such an address; undefined before 'listening'. */
  get publicAddress(): TcpAddress | undefined {
    return this.#session?.publicAddress
  }

  /** The address really bound, null before 'listening' and after 'close'. */
  address(): BoundAddress | null {
    return this.#acceptor?.address ?? null
  }

  /** Calls back with the number of open connections. */
  getConnections(callback: (error: null, count: number) => void): this {
    process.nextTick(callback, null, this.#room.openCount + (this.#peers?.peerCount ?? 0))
    return this
  }

  /**
   * Stops listening. Handshakes in progress are ended; open connections live on, and 'close' comes after the last of them.
   * `onClose` hears PT_LISTENER_STATE when it was closed already.
   */
  close(onClose?: (error?: Error) => void): this {
    if (this.#state === 'closed') {
      if (onClose) process.nextTick(onClose, new PtError('PT_LISTENER_STATE', 'The listener is closed already'))
      return this
    }
    if (onClose) this.once('close', onClose)
    if (this.#state === 'closing') return this
    const wasListening = this.#state === 'listening'
    this.#state = 'closing'
    if (wasListening) this.#shutDown()
    else this.#ending.abort()
    return this
  }

  /** Destroys every connection, open or not. */
  closeAllConnections(): void {
    this.#room.destroyAll()
    this.#peers?.destroyAll()
  }

  ref(): this {
    this.#referenced = true
    this.#acceptor?.ref()
    return this
  }

  unref(): this {
    this.#referenced = false
    this.#acceptor?.unref()
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'closed') return
    await new Promise<void>((resolve) => this.close(() => resolve()))
  }

  /**
   * Yields connections until the listener closes; throws its error. Those not taken when the loop is left are destroyed.
   * Throws PT_LISTENER_STATE where clients come for packets.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Connection, void, undefined> {
    if (this.#parameters.packetsOver !== undefined || this.#parameters.bindDatagrams !== undefined)
      throw new PtError('PT_LISTENER_STATE', "A listener for packets has no connections to yield: listen to 'packets'")
    const queue: Connection[] = []
    let wake = () => {}
    let failure: Error | undefined
    const onConnection = (connection: Connection) => {
      queue.push(connection)
      wake()
    }
    const onError = (error: Error) => {
      failure = error
      wake()
    }
    const onClose = () => wake()
    this.on('connection', onConnection).on('error', onError).on('close', onClose)
    try {
      for (;;) {
        while (queue.length > 0) yield queue.shift()!
        if (failure !== undefined) throw failure
        if (this.#state === 'closed') return
        await new Promise<void>((resolve) => (wake = resolve))
      }
    } finally {
      this.off('connection', onConnection).off('error', onError).off('close', onClose)
      for (const connection of queue) connection.destroy()
    }
  }

  async #start(): Promise<void> {
    const { binder, bindDatagrams, address, log } = this.#parameters
    let opened = false
    try {
      this.#session = await this.#parameters.openSession()
      opened = true
      if (this.#state === 'starting') {
        const onError = (error: Error) => this.#fail(error)
        this.#peers = await bindDatagrams?.(this.#session, this.#peerHandlers(onError))
        if (this.#peers === undefined) this.#front = this.#session.front?.((stream, peer) => this.#accept(stream, peer))
        const onStream = (stream: ByteStream): void => this.#receive(stream)
        this.#acceptor = this.#peers ?? (await binder.bind(address, { onStream, onError, signal: this.#ending.signal }))
        if (!this.#referenced) this.#acceptor.unref()
      }
    } catch (error) {
      await this.#front?.close()
      this.#front = undefined
      if (opened) await this.#parameters.closeSession().catch(() => {})
      this.#session = undefined
      this.#state = 'closed'
      if (error !== this.#ending.signal.reason) this.#tellError(error)
      this.emit('close')
      return
    }
    if (this.#state !== 'starting') return this.#shutDown()
    this.#state = 'listening'
    log('listener:open')
    this.emit('listening')
  }

  /** Takes a stream from the system. */
  #receive(stream: ByteStream): void {
    if (this.#front === undefined || this.#state !== 'listening') this.#accept(stream)
    else if (!this.#front.accept(stream)) this.#tellDrop()
  }

  #accept(stream: ByteStream, peer?: PeerAddress): void {
    if (this.#state !== 'listening' || this.#session === undefined || this.#room.isFull) {
      stream.on('error', () => {})
      stream.destroy()
      if (this.#state === 'listening') this.#tellDrop()
      return
    }
    let told = false
    const onHandshakeError = (error: Error) => {
      if (told) return
      told = true
      this.#parameters.log('handshake:failed', codeOf(error))
      this.emit('handshakeError', error)
    }
    const connection = this.#parameters.createConnection(
      this.#session,
      { stream, peer },
      {
        onEstablished: (established) =>
          this.#room.opened(established, () => {
            established.off('error', onHandshakeError)
            const { packetsOver } = this.#parameters
            if (packetsOver === undefined) this.emit('connection', established)
            else this.emit('packets', packetsOver(established))
          }),
        onRefused: (refused, error) => {
          this.#room.refused(refused)
          onHandshakeError(error)
        },
      },
    )
    connection.on('error', onHandshakeError)
    this.#room.enter(connection)
  }

  #peerHandlers(onError: (error: Error) => void): DatagramPeerHandlers {
    return {
      maxPeers: () => this.maxConnections,
      onPackets: (packets) => this.emit('packets', packets),
      onDrop: () => this.#tellDrop(),
      onError,
    }
  }

  #tellDrop(): void {
    this.#parameters.log('listener:drop')
    this.emit('drop')
  }

  /** A failure of the bound socket: an 'error', then the end as with close(). */
  #fail(error: Error): void {
    if (this.#state !== 'listening') return
    this.#tellError(error)
    this.close()
  }

  #tellError(error: unknown): void {
    this.emit('error', this.#parameters.unsafeLogging && error instanceof Error ? error : scrubError(error))
  }

  #shutDown(): void {
    this.#room.endHandshakes()
    const front = this.#front
    this.#front = undefined
    const closed = Promise.all([this.#acceptor?.close(), front?.close()])
    closed.then(
      () => this.#acceptorClosed(),
      (error: unknown) => {
        this.#tellError(error)
        this.#acceptorClosed()
      },
    )
  }

  #acceptorClosed(): void {
    this.#acceptor = undefined
    this.#closeIfDone()
  }

  #closeIfDone(): void {
    if (this.#state !== 'closing' || this.#acceptor !== undefined || this.#room.size > 0) return
    this.#state = 'closed'
    const finish = () => {
      this.#parameters.log('listener:close')
      this.emit('close')
    }
    this.#parameters.closeSession().then(finish, (error: unknown) => {
      this.#tellError(error)
      finish()
    })
  }
}
