import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { Connection } from '../../src/core/connection.ts'
import type { Listener } from '../../src/core/listener.ts'
import type { ConnectOptions, FactorySettings, ListenOptions } from '../../src/core/transport.ts'
import { shadowsocks, type ShadowsocksServerInput } from '../../src/transports/shadowsocks/index.ts'
import { type ArrivalQueue, createArrivalQueue } from './arrivals.ts'
import type { SharedSecret } from './shadowsocks-libev.ts'

export const HOST = '127.0.0.1'

export interface OurShadowsocksServer {
  readonly listener: Listener
  readonly port: number
  readonly arrivals: ArrivalQueue<Connection>
}

/** Starts our server on a free port of loopback; closed, with all its connections, when the test ends. */
export async function startOurShadowsocks(
  test: TestContext,
  options: ShadowsocksServerInput,
  {
    packets,
    port = 0,
    ...settings
  }: FactorySettings & Pick<ListenOptions, 'packets'> & { readonly port?: number } = {},
): Promise<OurShadowsocksServer> {
  const listener = shadowsocks
    .server(options, settings)
    .listen({ host: HOST, port, allowHalfOpen: true, ...(packets !== undefined && { packets }) })
  test.after(async () => {
    listener.closeAllConnections()
    await listener[Symbol.asyncDispose]()
  })
  const arrivals = createArrivalQueue<Connection>()
  listener.on('connection', (connection) => {
    connection.on('error', () => {})
    arrivals.add(connection)
  })
  await once(listener, 'listening')
  return { listener, port: (listener.address() as AddressInfo).port, arrivals }
}

/** Connects with our client; destroyed when the test ends. */
export async function connectOurShadowsocks(
  test: TestContext,
  { method, password }: SharedSecret,
  to: Pick<ConnectOptions, 'port' | 'target'>,
): Promise<Connection> {
  const options = { method, password } as ShadowsocksServerInput
  const connection = shadowsocks.client(options).connect({ host: HOST, ...to, allowHalfOpen: true })
  test.after(() => connection.destroy())
  await once(connection, 'connect')
  return connection
}

/** A plain socket to a port of loopback, destroyed when the test ends. */
export async function connectPlain(test: TestContext, port: number): Promise<Socket> {
  const socket = connect({ host: HOST, port, allowHalfOpen: true })
  test.after(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}
