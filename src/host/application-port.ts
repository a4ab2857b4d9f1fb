import type { Binder, BoundAddress, ByteStream, Platform, TcpAddress } from '../core/platform.ts'
import { type DescribedClient, listenExtendedOrPort } from '../proxy/extended-orport-server.ts'
import { CookieFile } from './cookie-file.ts'
import { referenceBinder } from './referenced-platform.ts'

/** Where the application server of a PT server is: an Extended ORPort with its cookie file, or a port that is told nothing. */
export type ApplicationPortPlace =
  | {
      readonly kind: 'extended'
      readonly address: TcpAddress
      readonly cookieFile: string
      /** Whether the file is one of cookiePathIn(), for this port alone. */
      readonly isOwnFile?: boolean
    }
  | { readonly kind: 'plain'; readonly address: TcpAddress }

export interface ApplicationPortHandlers {
  /** Owns the stream. */
  readonly onClient: (stream: ByteStream) => void
  /** Says whether a client may come in; asked at an Extended ORPort alone. */
  readonly admit: (client: DescribedClient) => boolean | Promise<boolean>
  readonly onRefused: (error: Error) => void
  /** Hears of a failure after which nothing more is accepted. */
  readonly onError: (error: Error) => void
}

/** The application server of a PT server, at work. */
export interface ApplicationPort {
  readonly place: ApplicationPortPlace
  /** The address really bound. */
  readonly address: TcpAddress
  /** Says whether this program is to live for its sake; it is, from the start on. */
  setRef(ref: boolean): void
  /** Takes nobody in any more; clients live on. */
  stopAccepting(): Promise<void>
  /** Does the same, and removes the cookie file. */
  close(): Promise<void>
}

/** Binds what a PT server sends its clients to, then writes the cookie file, if there is one. Rejects with the system's error, and leaves nothing behind then. */
export async function openApplicationPort(
  place: ApplicationPortPlace,
  handlers: ApplicationPortHandlers,
  platform: Pick<Platform, 'binder' | 'clock' | 'random'>,
): Promise<ApplicationPort> {
  if (place.kind === 'plain') {
    const { onClient: onStream, onError } = handlers
    const acceptor = await platform.binder.bind(place.address, { onStream, onError })
    const close = (): Promise<void> => acceptor.close()
    const setRef = (ref: boolean): void => (ref ? acceptor.ref() : acceptor.unref())
    return { place, address: tcpAddressOf(acceptor.address), setRef, stopAccepting: close, close }
  }
  const cookie = new CookieFile(place)
  const { binder, setRef } = referenceBinder(bindThen(platform.binder, () => cookie.write()))
  const server = await listenExtendedOrPort({
    ...handlers,
    platform: { ...platform, binder },
    address: place.address,
    // Whoever has the port already has the file, too.
    writeCookieFile: (content) => Promise.resolve(cookie.prepare(content)),
  })
  return {
    place,
    address: tcpAddressOf(server.address),
    setRef,
    stopAccepting: () => server.close(),
    async close() {
      await server.close()
      await cookie.remove()
    },
  }
}

/** Makes a binder that does something when it has bound, and is bound no more when that fails. Who comes before it is done is turned away. */
function bindThen(binder: Binder, prepare: () => Promise<void>): Binder {
  return {
    bind: async (address, handlers) => {
      let isReady = false
      const onStream = (stream: ByteStream): void => {
        if (isReady) return handlers.onStream(stream)
        stream.on('error', () => {})
        stream.destroy()
      }
      const acceptor = await binder.bind(address, { ...handlers, onStream })
      try {
        await prepare()
      } catch (error) {
        await acceptor.close()
        throw error
      }
      isReady = true
      return acceptor
    },
  }
}

function tcpAddressOf(bound: BoundAddress): TcpAddress {
  if (typeof bound === 'string') throw new RangeError('an application port is one of TCP')
  return { host: bound.address, port: bound.port }
}
