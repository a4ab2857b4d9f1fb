import { createRegistry } from '../../src/core/registry.ts'
import type { DatagramAddress, Datagrams, TcpAddress, UdpAddress } from '../../src/core/platform.ts'
import type { Transport } from '../../src/core/transport.ts'
import { runDispatcher } from '../../src/dispatcher/index.ts'
import type { ClientConfig, ServerConfig } from '../../src/ipc/config.ts'
import { type MemoryPlatform, plain } from '../../src/testing/index.ts'
import { obfs4 } from '../../src/transports/obfs4/index.ts'
import { CLIENT_CONFIG, SERVER_CONFIG } from './dispatcher-world.ts'
import { VERSION_3, createLines } from './ipc-lines.ts'

export const IDLE_MS = 120_000
/** Where the client listens for applications. */
export const LOCAL: UdpAddress = { host: '127.0.0.1', port: 1194 }
export const BRIDGE: TcpAddress = { host: '127.0.0.1', port: 4430 }
/** Where the application server is. */
export const TARGET: UdpAddress = { host: '127.0.0.1', port: 5300 }

const common = { version: VERSION_3, mode: 'transparent-UDP', udpIdleTimeoutMs: IDLE_MS, ipcLogLevel: 'DEBUG' } as const

/** Runs a dispatcher's client for packets in memory. */
export async function runPacketsClient(
  platform: MemoryPlatform,
  changes: Partial<ClientConfig> = {},
  transports: readonly Transport[] = [plain, obfs4],
) {
  const config: ClientConfig = {
    ...CLIENT_CONFIG,
    ...common,
    listen: LOCAL,
    target: BRIDGE,
    ...changes,
  }
  return run({ config, platform, registry: createRegistry(transports) })
}

/** Runs a dispatcher's server for packets in memory. */
export async function runPacketsServer(
  platform: MemoryPlatform,
  changes: Partial<ServerConfig> = {},
  others: Pick<Parameters<typeof runDispatcher>[0], 'createDatagrams' | 'lookup'> & {
    readonly datagrams?: Datagrams
  } = {},
) {
  const { datagrams = platform.datagrams, ...rest } = others
  const config: ServerConfig = {
    ...SERVER_CONFIG,
    ...common,
    transports: [{ name: 'plain', arguments: {}, bind: BRIDGE }],
    application: { kind: 'plain', address: TARGET },
    ...changes,
  }
  const registry = createRegistry<Transport>([plain, obfs4])
  return run({ config, platform: { ...platform, datagrams }, registry, ...rest })
}

async function run(parameters: Omit<Parameters<typeof runDispatcher>[0], 'lines'>) {
  const { version, ipcLogLevel } = parameters.config
  const { lines, out, err } = createLines(version, ipcLogLevel)
  const dispatcher = runDispatcher({ ...parameters, lines })
  await dispatcher.ready
  const logs = () => out.filter((line) => line.startsWith('LOG '))
  return { dispatcher, out, err, logs }
}

/** A UDP socket of an application in memory, and all that it received, as text. */
export async function openApplication(platform: MemoryPlatform, at: UdpAddress, to: UdpAddress = LOCAL) {
  const received: string[] = []
  const sources: DatagramAddress[] = []
  const socket = await platform.datagrams.bind(at, {
    onMessage: (datagram, source) => {
      received.push(datagram.toString('latin1'))
      sources.push(source)
    },
    onError: () => {},
  })
  const send = async (...packets: readonly (string | Buffer)[]): Promise<void> => {
    for (const packet of packets) socket.send(Buffer.from(packet), to)
    await platform.clock.settle()
  }
  /** Sends to whoever sent the packet of that number. */
  const answer = async (index: number, packet: string | Buffer): Promise<void> => {
    const { address, port } = sources[index]!
    socket.send(Buffer.from(packet), { host: address, port })
    await platform.clock.settle()
  }
  return { socket, received, sources, send, answer }
}

/** Puts a 2-byte big-endian length before a packet. */
export function prefixed(packet: string | Buffer): Buffer {
  const bytes = Buffer.from(packet)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.byteLength)
  return Buffer.concat([length, bytes])
}

/** A STUN message without attributes, told from others by its transaction. */
export function stunMessage(transaction: string): Buffer {
  const header = Buffer.from('000100002112a442', 'hex')
  return Buffer.concat([header, Buffer.from(transaction.padEnd(12).slice(0, 12), 'latin1')])
}
