import type { ByteStream, TcpAddress } from '../../src/core/platform.ts'
import { createRegistry } from '../../src/core/registry.ts'
import type { Transport } from '../../src/core/transport.ts'
import type { DispatcherParameters } from '../../src/dispatcher/dispatcher.ts'
import { runDispatcher } from '../../src/dispatcher/index.ts'
import type { ClientConfig, CommonConfig, DispatcherConfig, ServerConfig } from '../../src/ipc/config.ts'
import { type MemoryPlatform, createMemoryPlatform, plain } from '../../src/testing/index.ts'
import { obfs4 } from '../../src/transports/obfs4/index.ts'
import { shadowsocks } from '../../src/transports/shadowsocks/index.ts'
import { createArrivalQueue } from './arrivals.ts'
import { VERSION_1, createLines } from './ipc-lines.ts'

/** The PT server of clients. */
export const BRIDGE: TcpAddress = { host: '192.0.2.7', port: 443 }
/** Where clients listen. */
export const LISTEN: TcpAddress = { host: '127.0.0.1', port: 1080 }
/** Where servers listen. */
export const BIND: TcpAddress = { host: '127.0.0.1', port: 4430 }
/** The application server of servers. */
export const APPLICATION: TcpAddress = { host: '127.0.0.1', port: 9001 }

const COMMON: CommonConfig = {
  version: VERSION_1,
  stateLocation: 'state',
  exitOnStdinClose: false,
  mode: 'socks5',
  udpIdleTimeoutMs: 120_000,
  outbound: {},
  ipcLogLevel: 'NONE',
  logFileLevel: undefined,
  unsafeLogging: false,
}

export const CLIENT_CONFIG: ClientConfig = {
  ...COMMON,
  role: 'client',
  transports: [{ name: 'plain', arguments: {} }],
  listen: LISTEN,
  target: undefined,
  udpQueue: 64,
  upstreamProxy: undefined,
}

export const SERVER_CONFIG: ServerConfig = {
  ...COMMON,
  role: 'server',
  transports: [{ name: 'plain', arguments: {}, bind: BIND }],
  application: { kind: 'plain', address: APPLICATION },
}

/** Runs a dispatcher that knows plain, obfs4 and shadowsocks, on a platform in memory; returns it with its lines. */
export function runInMemory(
  config: DispatcherConfig,
  platform: MemoryPlatform,
  parameters: Partial<Pick<DispatcherParameters, 'createDialer' | 'implementation' | 'readFile'>> = {},
) {
  const { lines, out, err } = createLines(config.version, config.ipcLogLevel)
  const registry = createRegistry<Transport>([plain, obfs4, shadowsocks])
  return { dispatcher: runDispatcher({ config, lines, registry, platform, ...parameters }), out, err }
}

/** Runs a client in memory. Whoever is dialled on a `places` address arrives with it. */
export async function startClientWorld(changes: Partial<ClientConfig> = {}, places: readonly TcpAddress[] = [BRIDGE]) {
  const platform = createMemoryPlatform()
  const arrivals = createArrivalQueue<{ readonly place: TcpAddress; readonly stream: ByteStream }>()
  for (const place of places) await accept(platform, place, (stream) => arrivals.add({ place, stream }))
  const implementation = { name: 'ptkit', version: '0.1.0' }
  const running = runInMemory({ ...CLIENT_CONFIG, ...changes }, platform, { implementation })
  const connect = async () => {
    await running.dispatcher.ready
    const stream = await platform.network.dial(LISTEN, { signal: new AbortController().signal })
    stream.on('error', () => {})
    return stream
  }
  return { platform, arrivals, connect, ...running }
}

/** Runs a server in memory, with an application behind it, until it is ready. */
export async function startServerWorld(
  changes: Partial<ServerConfig> = {},
  readFile?: DispatcherParameters['readFile'],
) {
  const platform = createMemoryPlatform()
  const config = { ...SERVER_CONFIG, ...changes }
  const arrivals = createArrivalQueue<ByteStream>()
  const acceptor = await accept(platform, APPLICATION, (stream) => arrivals.add(stream))
  const running = runInMemory(config, platform, readFile && { readFile })
  await running.dispatcher.ready
  const connect = () => {
    const client = plain.client({}, { platform }).connect({ ...BIND, allowHalfOpen: true })
    client.on('error', () => {})
    return client
  }
  return { platform, arrivals, acceptor, connect, ...running }
}

function accept({ network }: MemoryPlatform, place: TcpAddress, add: (stream: ByteStream) => void) {
  const onStream = (stream: ByteStream): void => {
    stream.on('error', () => {})
    add(stream)
  }
  return network.bind(place, { onStream, onError: () => {} })
}
