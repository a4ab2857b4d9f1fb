import type { Acceptor, Address, Binder, BoundAddress, ByteStream, Dialer, ListenAddress } from '../core/platform.ts'
import { MemoryDatagrams } from './memory-datagrams.ts'
import type { EndAddresses } from './memory-stream.ts'
import { MemoryStream, systemError } from './memory-stream.ts'
import { Wire } from './wire.ts'
import type { WireHost } from './wire.ts'

const FIRST_FREE_PORT = 49_152
const DEFAULT_CAPACITY = 65_536
const WILDCARDS = new Set(['::', '0.0.0.0'])

/** One connection of a memory network, with a tap on each direction. */
export interface Link {
  readonly toServer: Wire
  readonly toClient: Wire
  readonly client: MemoryStream
  readonly server: MemoryStream
}

interface Binding {
  readonly address: BoundAddress
  readonly handlers: Parameters<Binder['bind']>[1]
}

/**
 * A network in memory: streams that behave as sockets do, on addresses that exist only here. Bytes travel in later turns of the
 * event loop, never within a write; no file descriptor is opened and the clock is not looked at.
 */
export class MemoryNetwork implements Dialer, Binder, WireHost {
  /** Bytes that one direction holds before its writer has to wait. */
  readonly capacity: number
  /** Its UDP. */
  readonly datagrams = new MemoryDatagrams()
  /** Every link, oldest first. */
  readonly links: Link[] = []
  /** Is called with every new link before its first byte: the place to set taps. */
  onLink: ((link: Link) => void) | undefined
  readonly #bindings = new Set<Binding>()
  readonly #open = new Set<MemoryStream>()
  #dirty = new Set<Wire>()
  #flushing = false
  #activity = 0
  #nextPort = FIRST_FREE_PORT
  #gate: Set<() => void> | undefined

  constructor(capacity: number = DEFAULT_CAPACITY) {
    this.capacity = capacity
  }

  /** Streams, of both sides, that are not closed. */
  get openStreamCount(): number {
    return this.#open.size
  }

  /** Addresses that are bound. */
  get bindingCount(): number {
    return this.#bindings.size
  }

  /** A counter that changes with whatever moves. */
  get activity(): number {
    return this.#activity + this.datagrams.activity
  }

  /** Lets every dial from now on wait until releaseDials(). */
  holdDials(): void {
    this.#gate ??= new Set()
  }

  releaseDials(): void {
    const waiting = this.#gate
    this.#gate = undefined
    waiting?.forEach((proceed) => proceed())
  }

  async dial(address: Address, { signal }: { readonly signal: AbortSignal }): Promise<ByteStream> {
    signal.throwIfAborted()
    await this.#passGate(signal)
    const binding = this.#find(address)
    if (binding === undefined) {
      throw 'path' in address
        ? systemError('ENOENT', 'connect', { address: address.path })
        : systemError('ECONNREFUSED', 'connect', { address: address.host, port: address.port })
    }
    const link = this.#join(address, binding.address)
    this.onLink?.(link)
    // A stream that is reset before it is accepted dies unheard.
    link.server.on('error', ignore)
    setImmediate(() => {
      this.#activity++
      if (link.server.destroyed) return
      link.server.off('error', ignore)
      if (this.#bindings.has(binding)) binding.handlers.onStream(link.server)
      else link.server.resetAndDestroy()
    })
    return link.client
  }

  bind(address: ListenAddress, handlers: Binding['handlers']): Promise<Acceptor> {
    const bound = this.#choose(address)
    if (bound === undefined) {
      return Promise.reject(systemError('EADDRINUSE', 'listen', 'path' in address ? {} : { port: address.port }))
    }
    const binding = { address: bound, handlers }
    this.#bindings.add(binding)
    return Promise.resolve({
      address: bound,
      close: () => {
        this.#bindings.delete(binding)
        return Promise.resolve()
      },
      ref: () => undefined,
      unref: () => undefined,
    })
  }

  /** Ends every acceptor as a failing system does, with `error`. */
  failAcceptors(error: Error): void {
    const failed = [...this.#bindings]
    this.#bindings.clear()
    for (const binding of failed) binding.handlers.onError(error)
  }

  schedule(wire: Wire): void {
    this.#dirty.add(wire)
    if (this.#flushing) return
    this.#flushing = true
    setImmediate(() => {
      const due = this.#dirty
      this.#dirty = new Set()
      this.#flushing = false
      this.#activity++
      for (const each of due) each.pump()
    })
  }

  resetLink(wire: Wire): void {
    const link = this.links.find(({ toServer, toClient }) => wire === toServer || wire === toClient)
    setImmediate(() => {
      this.#activity++
      link?.client.destroy(systemError('ECONNRESET', 'read'))
      link?.server.destroy(systemError('ECONNRESET', 'read'))
    })
  }

  async #passGate(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const gate = this.#gate
      if (gate === undefined) {
        setImmediate(resolve)
        return
      }
      const proceed = (): void => {
        gate.delete(proceed)
        signal.removeEventListener('abort', proceed)
        resolve()
      }
      gate.add(proceed)
      signal.addEventListener('abort', proceed)
    })
    this.#activity++
    signal.throwIfAborted()
  }

  #find(address: Address): Binding | undefined {
    return [...this.#bindings].find(({ address: bound }) => {
      if ('path' in address) return bound === address.path
      if (typeof bound === 'string' || bound.port !== address.port) return false
      return WILDCARDS.has(bound.address) || bound.address === literal(address.host)
    })
  }

  #choose(address: ListenAddress): BoundAddress | undefined {
    if ('path' in address) return this.#find(address) === undefined ? address.path : undefined
    const host = literal(address.host ?? '::')
    const port = address.port === 0 ? this.#nextPort++ : address.port
    const taken = [...this.#bindings].some(({ address: bound }) => {
      if (typeof bound === 'string' || bound.port !== port) return false
      return bound.address === host || WILDCARDS.has(host) || WILDCARDS.has(bound.address)
    })
    return taken ? undefined : { address: host, family: familyOf(host), port }
  }

  #join(address: Address, bound: BoundAddress): Link {
    const ends = 'path' in address || typeof bound === 'string' ? [{}, {}] : this.#tcpEnds(address.host, bound.port)
    const client = new MemoryStream(ends[0]!)
    const server = new MemoryStream(ends[1]!)
    const toServer = new Wire(this, server)
    const toClient = new Wire(this, client)
    client.attach(server, toClient, toServer)
    server.attach(client, toServer, toClient)
    for (const stream of [client, server]) {
      this.#open.add(stream)
      stream.once('close', () => {
        this.#activity++
        this.#open.delete(stream)
      })
    }
    const link = { toServer, toClient, client, server }
    this.links.push(link)
    return link
  }

  #tcpEnds(host: string, serverPort: number): EndAddresses[] {
    const at = literal(host)
    const family = familyOf(at)
    const clientPort = this.#nextPort++
    return [[clientPort, serverPort] as const, [serverPort, clientPort] as const].map(([localPort, remotePort]) => ({
      localAddress: at,
      localPort,
      localFamily: family,
      remoteAddress: at,
      remotePort,
      remoteFamily: family,
    }))
  }
}

function ignore(): void {}

function literal(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host
}

function familyOf(host: string): string {
  return host.includes(':') ? 'IPv6' : 'IPv4'
}
