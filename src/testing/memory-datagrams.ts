import type { DatagramAddress, DatagramHandlers, DatagramSocket, Datagrams, UdpAddress } from '../core/platform.ts'
import { systemError } from './memory-stream.ts'

const FIRST_FREE_PORT = 49_152
/** The longest payload of UDP over IPv4. */
const MAX_DATAGRAM_LENGTH = 65_507
const DEFAULT_CAPACITY = 1_048_576
const WILDCARDS = new Set(['::', '0.0.0.0'])

/** One datagram under way. */
export interface Passage {
  readonly from: DatagramAddress
  readonly to: DatagramAddress
  readonly bytes: Buffer
}

/** Tells the sender, once, what became of a datagram. */
type Settle = (error: Error | null) => void

/**
 * UDP in memory: datagrams arrive in later turns of the event loop, whole and in order, or not at all. No file descriptor is opened and the
 * clock is not looked at. On a connected socket, a datagram to where nobody is bound fails with ECONNREFUSED.
 */
export class MemoryDatagrams implements Datagrams {
  /** Bytes that wait for one address; datagrams beyond are lost, unheard. One waits whatever its length. */
  readonly capacity: number
  /** Every datagram sent, oldest first, before the tap. */
  readonly sent: Passage[] = []
  /** Says what travels in a datagram's place: nothing loses it, the same twice duplicates it, other bytes alter it. */
  tap: ((passage: Passage) => readonly Passage[]) | undefined
  readonly #sockets = new Set<MemoryDatagramSocket>()
  #underWay: Passage[] = []
  /** What of the datagrams under way was not told to their senders yet. */
  #settles = new Map<Passage, Settle>()
  #isHeld = false
  #isFlushing = false
  #nextPort = FIRST_FREE_PORT
  #activity = 0
  #lostCount = 0

  constructor(capacity: number = DEFAULT_CAPACITY) {
    this.capacity = capacity
  }

  /** Sockets that are not closed. */
  get openSocketCount(): number {
    return this.#sockets.size
  }

  /** A counter that changes with whatever moves. */
  get activity(): number {
    return this.#activity
  }

  /** Datagrams that found no room, or nobody. */
  get lostCount(): number {
    return this.#lostCount
  }

  /** Delivers nothing until release(); senders are told that all has left. */
  hold(): void {
    this.#isHeld = true
  }

  /** Delivers what was held, as `arrange` returns it: reversed, shuffled, in part. */
  release(arrange: (held: readonly Passage[]) => readonly Passage[] = (held) => held): void {
    this.#isHeld = false
    this.#underWay = [...arrange(this.#underWay)]
    this.#schedule()
  }

  bind(local: UdpAddress, handlers: DatagramHandlers): Promise<DatagramSocket> {
    const address = endOf(local.host, local.port === 0 ? this.#nextPort++ : local.port)
    if (this.#find(address) !== undefined)
      return Promise.reject(systemError('EADDRINUSE', 'bind', { port: address.port }))
    return Promise.resolve(this.#open(address, undefined, handlers))
  }

  async connect(
    remote: UdpAddress,
    handlers: DatagramHandlers,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<DatagramSocket> {
    signal.throwIfAborted()
    await new Promise<void>((resolve) => void setImmediate(resolve))
    this.#activity++
    signal.throwIfAborted()
    return this.#open(endOf(remote.host, this.#nextPort++), endOf(remote.host, remote.port), handlers)
  }

  /** Ends every socket as a failing system does, with `error`. */
  failSockets(error: Error): void {
    for (const socket of this.#sockets) socket.fail(error)
  }

  #open(address: DatagramAddress, remote: DatagramAddress | undefined, handlers: DatagramHandlers): DatagramSocket {
    const socket = new MemoryDatagramSocket(address, remote, handlers, {
      send: (passage, settle) => this.#send(passage, settle),
      onClosed: () => {
        this.#activity++
        this.#sockets.delete(socket)
      },
    })
    this.#sockets.add(socket)
    return socket
  }

  #find({ address, port }: DatagramAddress): MemoryDatagramSocket | undefined {
    return [...this.#sockets].find(({ address: bound }) => {
      if (bound.port !== port) return false
      return bound.address === address || WILDCARDS.has(address) || WILDCARDS.has(bound.address)
    })
  }

  #send(passage: Passage, settle: Settle): void {
    this.sent.push(passage)
    const travelling = this.tap?.(passage) ?? [passage]
    // A copy of each, so that a duplicate is a datagram of its own.
    const copies = travelling.map(({ from, to, bytes }) => ({ from, to, bytes: Buffer.from(bytes) }))
    for (const [index, each] of copies.entries()) {
      if (!this.#hasRoomFor(each)) this.#lostCount++
      else {
        this.#underWay.push(each)
        if (index === 0) this.#settles.set(each, settle)
      }
    }
    // Told at the latest with the turn in which it would arrive.
    this.#settles.set(passage, settle)
    this.#schedule()
  }

  #hasRoomFor({ to, bytes }: Passage): boolean {
    const waiting = this.#underWay.filter((each) => each.to.port === to.port && each.to.address === to.address)
    const length = waiting.reduce((sum, each) => sum + each.bytes.length, 0)
    return waiting.length === 0 || length + bytes.length <= this.capacity
  }

  #schedule(): void {
    if (this.#isFlushing) return
    this.#isFlushing = true
    setImmediate(() => {
      this.#isFlushing = false
      this.#activity++
      const settles = this.#settles
      this.#settles = new Map()
      const due = this.#isHeld ? [] : this.#underWay.splice(0)
      for (const passage of due) this.#deliver(passage, settles.get(passage))
      for (const settle of settles.values()) settle(null)
    })
  }

  #deliver(passage: Passage, settle: Settle | undefined): void {
    const socket = this.#find(passage.to)
    if (socket === undefined) {
      this.#lostCount++
      settle?.(systemError('ECONNREFUSED', 'send', { address: passage.to.address, port: passage.to.port }))
    } else socket.receive(passage)
  }
}

interface SocketHost {
  send(passage: Passage, settle: Settle): void
  onClosed(): void
}

/** One socket of a memory network. */
class MemoryDatagramSocket implements DatagramSocket {
  readonly address: DatagramAddress
  readonly remote: DatagramAddress | undefined
  readonly #handlers: DatagramHandlers
  readonly #host: SocketHost
  #isClosed = false

  constructor(
    address: DatagramAddress,
    remote: DatagramAddress | undefined,
    handlers: DatagramHandlers,
    host: SocketHost,
  ) {
    this.address = address
    this.remote = remote
    this.#handlers = handlers
    this.#host = host
  }

  send(datagram: Uint8Array, to?: UdpAddress, done?: (error: Error | null) => void): void {
    let isSettled = false
    const settle: Settle = (error) => {
      if (isSettled) return
      isSettled = true
      // ICMP finds an unconnected socket no sender to tell.
      done?.(this.remote === undefined && codeOf(error) === 'ECONNREFUSED' ? null : error)
    }
    const target = this.remote ?? (to === undefined ? undefined : endOf(to.host, to.port))
    const refusal = this.#refusal(datagram, target)
    if (refusal !== undefined) setImmediate(settle, refusal)
    else this.#host.send({ from: this.#source(target!), to: target!, bytes: Buffer.from(datagram) }, settle)
  }

  /** Takes a datagram that has arrived; a connected socket hears its peer alone. */
  receive({ from, bytes }: Passage): void {
    const { remote } = this
    if (remote !== undefined && (from.port !== remote.port || from.address !== remote.address)) return
    this.#handlers.onMessage(bytes, from)
  }

  /** Ends it as a failing system does. */
  fail(error: Error): void {
    void this.close()
    this.#handlers.onError(error)
  }

  close(): Promise<void> {
    if (!this.#isClosed) {
      this.#isClosed = true
      this.#host.onClosed()
    }
    return Promise.resolve()
  }

  ref(): void {}

  unref(): void {}

  #refusal(datagram: Uint8Array, target: DatagramAddress | undefined): Error | undefined {
    if (this.#isClosed) return systemError('EBADF', 'send')
    if (target === undefined) return systemError('EDESTADDRREQ', 'send')
    return datagram.length > MAX_DATAGRAM_LENGTH ? systemError('EMSGSIZE', 'send') : undefined
  }

  #source(target: DatagramAddress): DatagramAddress {
    if (!WILDCARDS.has(this.address.address)) return this.address
    return { address: target.address, family: target.family, port: this.address.port }
  }
}

function endOf(host: string, port: number): DatagramAddress {
  const address = host === 'localhost' ? '127.0.0.1' : host
  return Object.freeze({ address, family: address.includes(':') ? 'IPv6' : 'IPv4', port })
}

function codeOf(error: Error | null): unknown {
  return error !== null && 'code' in error ? error.code : undefined
}
