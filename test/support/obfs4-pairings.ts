import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import type { Connection } from '../../src/core/connection.ts'
import type { Listener } from '../../src/core/listener.ts'
import type { FactorySettings, ListenOptions } from '../../src/core/transport.ts'
import { type Obfs4ClientInput, type Obfs4ServerInput, obfs4 } from '../../src/transports/obfs4/index.ts'
import { startApplicationServer } from './application-server.ts'
import { type ArrivalQueue, createArrivalQueue } from './arrivals.ts'
import { startObfs4proxyClient, startObfs4proxyServer } from './obfs4proxy.ts'
import { connectThroughSocks } from './socks-client.ts'
import { temporaryDirectory } from './temporary-directory.ts'

export interface OurServer {
  readonly listener: Listener
  readonly port: number
  readonly clientArguments: Readonly<Record<string, string>>
  readonly arrivals: ArrivalQueue<Connection>
}

/** Starts our obfs4 server on a free port of loopback; closed, with all its connections, when the test ends. */
export async function startOurServer(
  test: TestContext,
  options: Obfs4ServerInput = {},
  settings: FactorySettings & Pick<ListenOptions, 'allowHalfOpen' | 'maxHandshakes'> = {},
): Promise<OurServer> {
  const { allowHalfOpen = true, maxHandshakes, ...factorySettings } = settings
  const listener = obfs4.server(options, factorySettings).listen({
    host: '127.0.0.1',
    port: 0,
    allowHalfOpen,
    ...(maxHandshakes !== undefined && { maxHandshakes }),
  })
  test.after(() => closeListener(listener))
  const arrivals = createArrivalQueue<Connection>()
  listener.on('connection', (connection) => {
    connection.on('error', () => {})
    arrivals.add(connection)
  })
  await once(listener, 'listening')
  return { listener, port: portOf(listener), clientArguments: listener.clientArguments, arrivals }
}

/** The TCP port that a listener is bound to. */
export function portOf(listener: Listener): number {
  return (listener.address() as AddressInfo).port
}

/** Closes a listener, all its connections first. */
export async function closeListener(listener: Listener): Promise<void> {
  listener.closeAllConnections()
  await listener[Symbol.asyncDispose]()
}

/** Connects with our obfs4 client and waits for the handshake; destroyed when the test ends. */
export async function connectOurClient(
  test: TestContext,
  port: number,
  options: Obfs4ClientInput,
  settings: FactorySettings & { readonly allowHalfOpen?: boolean } = {},
): Promise<Connection> {
  const { allowHalfOpen = true, ...factorySettings } = settings
  const connection = obfs4.client(options, factorySettings).connect({ host: '127.0.0.1', port, allowHalfOpen })
  test.after(() => connection.destroy())
  await once(connection, 'connect')
  return connection
}

/** Two implementations joined by an obfs4 link. */
export interface Pairing {
  /** Opens one more connection. */
  readonly connect: () => Promise<Duplex>
  /** The application's end of a connection, in the order of their arrival. */
  readonly arrivals: ArrivalQueue<Duplex>
}

export interface PairingSettings {
  /** Of both sides. */
  readonly iatMode?: 0 | 1 | 2
  /** The server's node id, private key and DRBG seed, in hex. */
  readonly identity?: Readonly<Record<'node-id' | 'private-key' | 'drbg-seed', string>>
}

/** Joins our client to obfs4proxy's server. */
async function ourClient(test: TestContext, { iatMode = 0, identity }: PairingSettings): Promise<Pairing> {
  const stateDir = await temporaryDirectory(test)
  const { port: applicationPort, arrivals } = await startApplicationServer(test)
  const options = { ...identity, 'iat-mode': String(iatMode) }
  const { port, clientArguments } = await startObfs4proxyServer(test, { stateDir, applicationPort, options })
  const factory = obfs4.client({ cert: clientArguments['cert']!, iatMode })
  const connect = async (): Promise<Duplex> => {
    const connection = factory.connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    test.after(() => connection.destroy())
    await once(connection, 'connect')
    return connection
  }
  return { connect, arrivals }
}

/** Joins obfs4proxy's client to our server. */
async function ourServer(test: TestContext, { iatMode = 0, identity }: PairingSettings): Promise<Pairing> {
  const options = {
    iatMode,
    ...(identity !== undefined && {
      nodeId: identity['node-id'],
      privateKey: identity['private-key'],
      drbgSeed: identity['drbg-seed'],
    }),
  }
  const { port, clientArguments, arrivals } = await startOurServer(test, options)
  const { socksPort } = await startObfs4proxyClient(test, await temporaryDirectory(test))
  const connect = async (): Promise<Duplex> => {
    const socket = await connectThroughSocks(socksPort, port, clientArguments)
    socket.on('error', () => {})
    test.after(() => socket.destroy())
    return socket
  }
  return { connect, arrivals }
}

/** Both ways to join us to obfs4proxy, by name. */
export const pairings = [
  { name: "our client and obfs4proxy's server", open: ourClient },
  { name: "obfs4proxy's client and our server", open: ourServer },
] as const
