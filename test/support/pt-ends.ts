import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import process from 'node:process'
import type { Arguments, Transport } from '../../src/core/transport.ts'
import { type HostTransport, type HostTransportSettings, hostTransport } from '../../src/host/host-transport.ts'
import { obfs4 } from '../../src/transports/obfs4/index.ts'
import { startApplicationServer } from './application-server.ts'
import { createArrivalQueue } from './arrivals.ts'
import { startPtkitClient, startPtkitServer } from './ptkit-process.ts'
import { ptkitPath } from './ptkit.ts'
import { connectThroughSocks } from './socks-client.ts'
import { temporaryDirectory } from './temporary-directory.ts'

/** One side of figure 3 of the draft for obfs4, as its application sees it. */
export interface PtEnd {
  /** Starts a PT server on a free port of loopback. */
  readonly serve: (test: TestContext) => Promise<PtServerEnd>
  /** Gives what connects to PT servers. */
  readonly dial: (test: TestContext) => Promise<(port: number, args: Arguments) => Promise<Duplex>>
}

export interface PtServerEnd {
  readonly port: number
  readonly clientArguments: Arguments
  /** Takes the next connection as the application gets it. */
  readonly next: () => Promise<Duplex & { readonly remotePort?: number | undefined }>
}

/** How a PT program of ours or another's is started. */
export const COMMANDS = {
  ptkit: { command: process.execPath, args: [ptkitPath] },
  obfs4proxy: { command: 'obfs4proxy', args: [] },
} as const satisfies Record<string, { readonly command: string; readonly args: readonly string[] }>

/** Makes a host's transport that is closed when the test ends. */
export async function hostObfs4(
  test: TestContext,
  program: keyof typeof COMMANDS,
  settings: Partial<HostTransportSettings> = {},
): Promise<HostTransport> {
  const stateDir = settings.stateDir ?? (await temporaryDirectory(test))
  const transport = hostTransport({ ...COMMANDS[program], stateDir, ...settings }, 'obfs4')
  test.after(() => transport.close())
  return transport
}

/** The API: in this process. */
export const apiEnd: PtEnd = {
  serve: async (test) => serveBy(test, obfs4, { stateDir: await temporaryDirectory(test) }),
  dial: (test) => Promise.resolve(dialBy(test, obfs4)),
}

/** A dispatcher that applications of any language start. */
export const dispatcherEnd: PtEnd = {
  serve: async (test) => {
    const { port: applicationPort, arrivals } = await startApplicationServer(test)
    const environment = { TOR_PT_ORPORT: `127.0.0.1:${applicationPort}` }
    const { port, clientArguments } = await startPtkitServer(test, await temporaryDirectory(test), environment)
    return { port, clientArguments, next: arrivals.next }
  },
  dial: async (test) => {
    const { socksPort } = await startPtkitClient(test, await temporaryDirectory(test))
    return async (port, args) => {
      const socket = await connectThroughSocks(socksPort, port, args)
      socket.on('error', () => {})
      test.after(() => socket.destroy())
      return socket
    }
  },
}

/** The host's adapter over a program. */
export function hostEnd(program: keyof typeof COMMANDS): PtEnd {
  return {
    serve: async (test) => serveBy(test, await hostObfs4(test, program), {}),
    dial: async (test) => dialBy(test, await hostObfs4(test, program)),
  }
}

/** Listens on a free port of loopback until the test ends. */
export async function serveBy(test: TestContext, transport: Transport, options: object): Promise<PtServerEnd> {
  const listener = transport.server(options).listen({ host: '127.0.0.1', port: 0, allowHalfOpen: true })
  const arrivals = createArrivalQueue<Duplex>()
  listener.on('connection', (connection) => {
    connection.on('error', () => {})
    arrivals.add(connection)
  })
  test.after(async () => {
    const closed = once(listener, 'close')
    listener.close()
    listener.closeAllConnections()
    await closed
  })
  await once(listener, 'listening')
  const { port } = listener.address() as { readonly port: number }
  return { port, clientArguments: listener.clientArguments, next: arrivals.next }
}

function dialBy(test: TestContext, transport: Transport): (port: number, args: Arguments) => Promise<Duplex> {
  return async (port, args) => {
    const connection = transport.client(args).connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    test.after(() => connection.destroy())
    await once(connection, 'connect')
    connection.on('error', () => {})
    return connection
  }
}
