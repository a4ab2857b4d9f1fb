import type { Transport } from '../../core/transport.ts'
import { defineTransport } from '../../platform/define-transport.ts'
import { WebtunnelClient } from './client.ts'
import { clientOptions, serverOptions } from './options.ts'
import { WebtunnelServer } from './server.ts'

export type { WebtunnelClientInput, WebtunnelServerInput } from './options.ts'

/** webtunnel: an HTTP upgrade at a secret path of a web site, most often within TLS, to a server that shows everybody else the site. */
export const webtunnel: Transport<typeof clientOptions.definitions, typeof serverOptions.definitions> = defineTransport(
  {
    name: 'webtunnel',
    clientOptions,
    serverOptions,
    openClient: (environment) => new WebtunnelClient(environment),
    openServer: (options, environment) => new WebtunnelServer(options, environment),
  },
)
