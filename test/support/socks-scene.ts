import type { ConnectOptions } from '../../src/core/transport.ts'
import type { SocksRequest } from '../../src/proxy/socks-negotiation.ts'
import { type SocksServer, type SocksServerParameters, listenSocks } from '../../src/proxy/socks-server.ts'
import { createMemoryPlatform, type MemoryPlatform } from '../../src/testing/memory-platform.ts'
import type { MemoryStream } from '../../src/testing/memory-stream.ts'
import { plain } from '../../src/testing/plain.ts'
import { type Watched, watchStream } from './watched-stream.ts'

const SOCKS_ADDRESS = { host: '127.0.0.1', port: 1080 }

/** Where the scene's PT server listens. */
export const PT_SERVER = { host: '192.0.2.1', port: 443 }

/** A SOCKS listener over the plain transport, in memory. */
export interface SocksScene {
  readonly platform: MemoryPlatform
  readonly server: SocksServer
  /** What the listener asked to be connected. */
  readonly requests: SocksRequest[]
  /** What it logged: `event reason`. */
  readonly log: string[]
  /** Streams that the PT server accepted. */
  readonly accepted: Watched<MemoryStream>[]
  /** Opens a client's stream and sends the pieces, each settled before the next. */
  readonly client: (...pieces: readonly Uint8Array[]) => Promise<Watched<MemoryStream>>
}

/** Starts a listener; `connect` replaces the plain transport's. */
export async function openSocksScene(
  overrides: Partial<SocksServerParameters> & { readonly connectOptions?: ConnectOptions } = {},
): Promise<SocksScene> {
  const platform = createMemoryPlatform()
  const factory = plain.client({}, { platform })
  const requests: SocksRequest[] = []
  const log: string[] = []
  const accepted: Watched<MemoryStream>[] = []
  const { connectOptions, ...parameters } = overrides
  const note = (event: string, fields: object): void => {
    log.push(`${event} ${Object.values(fields).join(' ')}`.trim())
  }
  await platform.network.bind(PT_SERVER, {
    onStream: (stream) => accepted.push(watchStream(stream as MemoryStream)),
    onError: () => undefined,
  })
  const server = await listenSocks({
    platform,
    address: SOCKS_ADDRESS,
    logger: { info: note, warn: note },
    connect(request) {
      requests.push(request)
      return factory.connect({ ...request.destination, allowHalfOpen: true, ...connectOptions })
    },
    ...parameters,
  })
  const client = async (...pieces: readonly Uint8Array[]): Promise<Watched<MemoryStream>> => {
    const signal = new AbortController().signal
    const watched = watchStream((await platform.network.dial(SOCKS_ADDRESS, { signal })) as MemoryStream)
    await platform.clock.settle()
    for (const piece of pieces) {
      watched.stream.write(piece)
      await platform.clock.settle()
    }
    return watched
  }
  return { platform, server, requests, log, accepted, client }
}
