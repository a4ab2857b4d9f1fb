import { once } from 'node:events'
import { type AddressInfo, type LookupFunction, type Server, type Socket, connect, createServer } from 'node:net'
import type { TestContext } from 'node:test'
import type { Connection } from '../../src/core/connection.ts'
import type { Listener } from '../../src/core/listener.ts'
import type { ListenOptions } from '../../src/core/transport.ts'
import { systemPlatform } from '../../src/platform/index.ts'
import { createNetDialer } from '../../src/platform/net-dialer.ts'
import { obfs4 } from '../../src/transports/obfs4/index.ts'

/** What a bare socket and a Connection have in common for a caller. */
export type AnySocket = Socket | Connection

export interface Place {
  readonly host?: string
  readonly port?: number
  readonly path?: string
}

export interface DialOptions {
  readonly allowHalfOpen?: boolean
  readonly signal?: AbortSignal
  readonly timeout?: number
  readonly lookup?: LookupFunction
}

/** A listening side and a way to it. */
export interface World {
  readonly server: Server | Listener
  /** Where the server listens. */
  readonly place: Place
  dial(place: Place, options?: DialOptions): AnySocket
}

export interface WorldOptions {
  readonly at?: Place
  readonly allowHalfOpen?: boolean
  readonly onConnection?: (socket: AnySocket) => void
}

export type OpenWorld = (test: TestContext, options?: WorldOptions) => Promise<World>

const LOOPBACK = { host: '127.0.0.1', port: 0 }

/** Opens a bare net.Server. */
export async function openNet(test: TestContext, options: WorldOptions = {}): Promise<World> {
  const { at = LOOPBACK, allowHalfOpen = false, onConnection = () => {} } = options
  const opened = new Set<Socket>()
  const server = createServer({ allowHalfOpen }, (socket) => {
    opened.add(socket)
    onConnection(socket)
  })
  server.listen({ ...at })
  await once(server, 'listening')
  test.after(() => {
    for (const socket of opened) socket.destroy()
    server.close()
  })
  return {
    server,
    place: placeOf(at, server.address()!),
    dial(place, dialOptions = {}) {
      const socket = connect({ ...place, ...dialOptions } as Parameters<typeof connect>[0])
      opened.add(socket)
      return socket
    },
  }
}

/** Opens an obfs4 Listener. */
export async function openObfs4(test: TestContext, options: WorldOptions = {}): Promise<World> {
  const { at = LOOPBACK, allowHalfOpen = false, onConnection = () => {} } = options
  const server = obfs4.server({}).listen({ ...at, allowHalfOpen } as ListenOptions)
  server.on('connection', onConnection)
  await once(server, 'listening')
  const opened = new Set<Connection>()
  test.after(() => {
    for (const socket of opened) socket.destroy()
    server.close()
    server.closeAllConnections()
  })
  const { cert } = server.clientArguments
  return {
    server,
    place: placeOf(at, server.address()!),
    dial(place, { lookup, ...dialOptions } = {}) {
      const dialer = createNetDialer(lookup === undefined ? {} : { lookup })
      const socket = obfs4
        .client({ cert }, { platform: { ...systemPlatform, dialer } })
        .connect({ ...place, ...dialOptions })
      opened.add(socket)
      return socket
    },
  }
}

function placeOf(at: Place, address: AddressInfo | string | { readonly port: number }): Place {
  return typeof address === 'string' ? { path: address } : { host: at.host ?? '127.0.0.1', port: address.port }
}

const EVENTS = ['connect', 'ready', 'end', 'finish', 'timeout'] as const

/** Logs a socket's events in the order in which they come; resolves with them after 'close'. */
export function logOf(socket: AnySocket, log: string[] = []): Promise<string[]> {
  const emitter: NodeJS.EventEmitter = socket
  for (const event of EVENTS) emitter.on(event, () => log.push(event))
  emitter.on('error', (error: NodeJS.ErrnoException) => {
    log.push(`error ${error.code ?? error.message}${error.syscall === undefined ? '' : ` in ${error.syscall}`}`)
  })
  return new Promise((resolve) => {
    emitter.on('close', (hadError: boolean) => {
      log.push(`close ${String(hadError)}`)
      // One more turn, so that an event after 'close' would show.
      setImmediate(() => resolve(log))
    })
  })
}
