import { createHash } from 'node:crypto'
import type { ByteStream, Clock } from '../../core/platform.ts'
import type { Deliver, Front } from '../../core/transport.ts'
import type { WebHost, WebServer } from '../../core/web.ts'
import { constantTimeEqual } from '../../crypto/constant-time.ts'
import type { ProxiedClient } from '../../wire/proxy-protocol.ts'
import { isTrusted, parseForwardedFor } from './forwarded.ts'
import type { WebtunnelServerOptions } from './options.ts'
import { ProxyHeaders } from './proxy-headers.ts'
import { encodeRequest, isUpgrade } from './upgrade.ts'

export interface WebtunnelFrontParameters {
  readonly options: WebtunnelServerOptions
  readonly host: WebHost
  readonly clock: Clock
  readonly deliver: Deliver
}

/** Shows everybody the site, and delivers who knows the path, with a request before its bytes for the codec to answer. */
export class WebtunnelFront implements Front {
  readonly #options: WebtunnelServerOptions
  readonly #web: WebServer
  readonly #headers: ProxyHeaders

  constructor({ options, host, clock, deliver }: WebtunnelFrontParameters) {
    this.#options = options
    this.#headers = new ProxyHeaders(clock, (stream, client) => {
      tellOf(stream, client)
      this.#web.accept(stream)
    })
    const secret = digest(options.url.path)
    this.#web = host.serve({
      isGranted: ({ method, url, headers }) => {
        const isPath = constantTimeEqual(digest((url ?? '').replace(/\?.*$/s, '')), secret)
        return isPath && method === 'GET' && isUpgrade(headers.connection, headers.upgrade)
      },
      onUpgrade: ({ headers }, stream, head) => {
        const isBelieved = isTrusted(options.trustForwardedFor, stream.remoteAddress)
        // Of the request the codec needs nothing more than that there was one.
        stream.unshift(Buffer.concat([encodeRequest('/', 'tunnel'), head]))
        deliver(stream, isBelieved ? parseForwardedFor(headers['x-forwarded-for']) : undefined)
      },
    })
  }

  accept(stream: ByteStream): boolean {
    const hasHeader = isTrusted(this.#options.proxyProtocol, stream.remoteAddress)
    return hasHeader ? this.#headers.accept(stream) : this.#web.accept(stream)
  }

  async close(): Promise<void> {
    this.#headers.close()
    await this.#web.close()
  }
}

/** Of equal length whatever the text, so that no comparison tells lengths. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Puts the client's address in the place of the proxy's. */
function tellOf(stream: ByteStream, client: ProxiedClient | undefined): void {
  if (client === undefined) return
  Object.defineProperties(stream, {
    remoteAddress: { value: client.address },
    remotePort: { value: client.port },
    remoteFamily: { value: client.address.includes(':') ? 'IPv6' : 'IPv4' },
  })
}
