import type { Environment, ServerProtocol, ServerSession } from '../../core/transport.ts'
import type { Site } from '../../core/web.ts'
import { PROTOCOL_VERSION } from './constants.ts'
import { WebtunnelFront } from './front.ts'
import type { WebtunnelServerOptions } from './options.ts'
import { syntheticAddressOf } from './synthetic-address.ts'
import { ServerTunnelCodec } from './tunnel-codec.ts'

/** What the listeners of one Server Factory share: the site and the certificate, which are read when it is opened. */
export class WebtunnelServer implements ServerProtocol {
  readonly #options: WebtunnelServerOptions
  readonly #environment: Environment

  constructor(options: WebtunnelServerOptions, environment: Environment) {
    this.#options = options
    this.#environment = environment
  }

  async open(): Promise<ServerSession> {
    const { platform, log } = this.#environment
    const options = this.#options
    const { url, tls, site } = options
    const { clock } = platform
    // Behind a reverse proxy others may never get as far as here; alone, somebody will look.
    if (site === undefined && tls !== undefined) log('site:none')
    const host = await platform.web.open({ site: siteOf(site), tls })
    return {
      clientArguments: Object.freeze({ url: url.text, ver: PROTOCOL_VERSION }),
      publicAddress: Object.freeze(syntheticAddressOf(url.text)),
      codec: () => new ServerTunnelCodec(clock),
      front: (deliver) => new WebtunnelFront({ options, host, clock, deliver }),
      close: () => Promise.resolve(),
    }
  }
}

function siteOf(site: WebtunnelServerOptions['site']): Site {
  if (typeof site === 'function') return { handler: site }
  if (site === undefined) return { status: 404 }
  return /^http:\/\//i.test(site) ? { upstream: site } : { directory: site }
}
