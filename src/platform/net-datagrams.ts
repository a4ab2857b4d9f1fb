import { type RemoteInfo, type Socket, createSocket } from 'node:dgram'
import { type LookupAddress, lookup as lookupBySystem } from 'node:dns'
import { type LookupFunction, isIP, isIPv6 } from 'node:net'
import { constants } from 'node:os'
import type { DatagramAddress, DatagramHandlers, DatagramSocket, Datagrams, UdpAddress } from '../core/platform.ts'
import { unlessAborted } from '../util/unless-aborted.ts'

/** Bytes that the system is asked to buffer for a socket, each way; it may give less. */
const SOCKET_BUFFER_LENGTH = 1_048_576

/** Bytes that wait in the process for the system to take them; datagrams beyond fail with ENOBUFS. */
const MAX_UNSENT_LENGTH = 1_048_576
/** Datagrams that wait likewise: empty ones have no bytes. */
const MAX_UNSENT_COUNT = 4_096

/** How long close() waits for datagrams that the system has not taken, in ms. */
const CLOSE_DRAIN_MS = 1_000

export interface NetDatagramsSettings {
  /** Resolves names, as dns.lookup does, which is the default. */
  readonly lookup?: LookupFunction
  /** The local IP address that connected sockets send from. */
  readonly localAddress?: string
}

/** Makes Datagrams over node:dgram. A name goes to the first of its addresses that the system has a way to. */
export function createNetDatagrams(settings: NetDatagramsSettings = {}): Datagrams {
  const { lookup = lookupBySystem, localAddress } = settings
  return Object.freeze({
    async bind(local: UdpAddress, handlers: DatagramHandlers): Promise<DatagramSocket> {
      const [host] = await resolve(lookup, local.host)
      return open(host!, handlers, (socket, onReady) => socket.bind(bindOptions(host!, local.port), onReady))
    },

    async connect(
      remote: UdpAddress,
      handlers: DatagramHandlers,
      { signal }: { readonly signal: AbortSignal },
    ): Promise<DatagramSocket> {
      signal.throwIfAborted()
      const found = await unlessAborted(resolve(lookup, remote.host), signal)
      const sameFamily = found.filter((host) => localAddress === undefined || isIP(host) === isIP(localAddress))
      let failure: unknown
      for (const host of sameFamily.length > 0 ? sameFamily : found) {
        signal.throwIfAborted()
        try {
          return await open(host, handlers, connecting({ host, port: remote.port }, localAddress), signal)
        } catch (error) {
          signal.throwIfAborted()
          failure ??= error
        }
      }
      throw failure
    },
  })
}

type Opening = (socket: Socket, onReady: () => void) => void

/** `exclusive`, since the workers of a cluster that share a socket are given datagrams of each other's peers. */
function bindOptions(address: string, port: number): { address: string; port: number; exclusive: true } {
  return { address, port, exclusive: true }
}

function connecting(remote: UdpAddress, localAddress: string | undefined): Opening {
  return (socket, onReady) => {
    socket.once('connect', onReady)
    const connect = (): void => socket.connect(remote.port, remote.host)
    if (localAddress === undefined) connect()
    else socket.bind(bindOptions(localAddress, 0), connect)
  }
}

/** Makes a socket of the address's family and has it bound or connected. */
function open(
  host: string,
  handlers: DatagramHandlers,
  opening: Opening,
  signal?: AbortSignal,
): Promise<DatagramSocket> {
  const family = isIPv6(host) ? 6 : 4
  const socket = createSocket({
    type: `udp${family}`,
    // All addresses are IP addresses by now; node would ask its resolver for each datagram sent.
    lookup: (address, _options, callback) => callback(null, address, family),
  })
  return new Promise((fulfil, reject) => {
    let isSettled = false
    const settle = (): void => {
      isSettled = true
      signal?.removeEventListener('abort', onAbort)
      socket.off('error', onError)
    }
    const fail = (error: unknown): void => {
      settle()
      socket.on('error', () => {})
      socket.close()
      reject(error)
    }
    const onError = (error: Error): void => fail(error)
    const onAbort = (): void => fail(signal!.reason)
    signal?.addEventListener('abort', onAbort)
    socket.on('error', onError)
    try {
      opening(socket, () => {
        if (isSettled) return
        settle()
        fulfil(new NetDatagramSocket(socket, handlers))
      })
    } catch (error) {
      fail(error)
    }
  })
}

/** Resolves with at least one IP address of a host, in the resolver's order. */
function resolve(lookup: LookupFunction, host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return Promise.resolve([host])
  return new Promise((fulfil, reject) => {
    lookup(host, { all: true }, (error: Error | null, found: string | LookupAddress[]) => {
      const addresses = typeof found === 'string' ? [found] : (found ?? []).map(({ address }) => address)
      if (error) reject(error)
      else if (addresses.length === 0) reject(systemError('ENOTFOUND', 'getaddrinfo'))
      else fulfil(addresses)
    })
  })
}

/** Failures after which a socket is as good as before: what ICMP tells of one datagram, and a short lack of memory. */
const PASSING_CODES: ReadonlySet<string | undefined> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'ENONET',
  'ENOPROTOOPT',
  'EOPNOTSUPP',
  'EPROTO',
  'EACCES',
  'EPERM',
  'EMSGSIZE',
  'ENOBUFS',
  'ENOMEM',
  'EAGAIN',
  'EINTR',
])

/** A bound or connected dgram.Socket. */
class NetDatagramSocket implements DatagramSocket {
  readonly address: DatagramAddress
  readonly remote: DatagramAddress | undefined
  readonly #socket: Socket
  #unsentCount = 0
  #onDrained: (() => void) | undefined
  #closed: Promise<void> | undefined

  constructor(socket: Socket, { onMessage, onError }: DatagramHandlers) {
    this.#socket = socket
    this.address = Object.freeze(socket.address())
    this.remote = remoteOf(socket)
    raiseBuffers(socket)
    const { remote } = this
    socket.on('message', (datagram: Buffer, source: RemoteInfo) => {
      // Whoever wrote to the port between its binding and its connecting lies in the queue.
      if (remote !== undefined && (source.port !== remote.port || source.address !== remote.address)) return
      onMessage(datagram, source)
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (PASSING_CODES.has(error.code) || this.#closed !== undefined) return
      void this.close()
      onError(error)
    })
  }

  send(datagram: Uint8Array, to?: UdpAddress, done?: (error: Error | null) => void): void {
    const failed = this.#refusal()
    if (failed !== undefined) {
      if (done) process.nextTick(done, failed)
      return
    }
    this.#unsentCount += 1
    const onSent = (error: Error | null): void => {
      this.#unsentCount -= 1
      if (this.#unsentCount === 0) this.#onDrained?.()
      done?.(error)
    }
    try {
      if (this.remote !== undefined || to === undefined) this.#socket.send(datagram, onSent)
      else this.#socket.send(datagram, to.port, this.#destination(to.host), onSent)
    } catch (error) {
      // A wrong port, or none: an argument that costs the datagram, as the system's refusals do.
      process.nextTick(onSent, error)
    }
  }

  /** Receives nothing more, lets the datagrams that were sent before it leave, and frees the address. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  ref(): void {
    this.#socket.ref()
  }

  unref(): void {
    this.#socket.unref()
  }

  #refusal(): Error | undefined {
    if (this.#closed !== undefined) return systemError('EBADF', 'send')
    const isFull =
      this.#socket.getSendQueueSize() >= MAX_UNSENT_LENGTH || this.#socket.getSendQueueCount() >= MAX_UNSENT_COUNT
    return isFull ? systemError('ENOBUFS', 'send') : undefined
  }

  #destination(host: string): string {
    return this.address.family === 'IPv6' && !host.includes(':') ? `::ffff:${host}` : host
  }

  async #close(): Promise<void> {
    this.#socket.removeAllListeners('message')
    // Closing takes back what the system has not taken.
    if (this.#socket.getSendQueueCount() > 0) {
      await new Promise<void>((fulfil) => {
        const timer = setTimeout(fulfil, CLOSE_DRAIN_MS)
        timer.unref()
        this.#onDrained = () => {
          clearTimeout(timer)
          fulfil()
        }
      })
    }
    await new Promise<void>((fulfil) => void this.#socket.close(fulfil))
  }
}

function remoteOf(socket: Socket): DatagramAddress | undefined {
  try {
    return Object.freeze(socket.remoteAddress())
  } catch {
    // Node has no other way to ask whether it is connected.
    return undefined
  }
}

/** Asks for larger buffers, since a burst overflows the default; where the system refuses, or has more, they stay as they are. */
function raiseBuffers(socket: Socket): void {
  try {
    if (socket.getRecvBufferSize() < SOCKET_BUFFER_LENGTH) socket.setRecvBufferSize(SOCKET_BUFFER_LENGTH)
    if (socket.getSendBufferSize() < SOCKET_BUFFER_LENGTH) socket.setSendBufferSize(SOCKET_BUFFER_LENGTH)
  } catch {
    // The defaults do, with more loss under load.
  }
}

function systemError(code: 'EBADF' | 'ENOBUFS' | 'ENOTFOUND', syscall: string): Error {
  const errno = code === 'ENOTFOUND' ? {} : { errno: -constants.errno[code] }
  return Object.assign(new Error(`${syscall} ${code}`), { code, ...errno, syscall })
}
