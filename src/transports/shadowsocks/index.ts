import type { Transport } from '../../core/transport.ts'
import { defineTransport } from '../../platform/define-transport.ts'
import { ShadowsocksClient } from './client.ts'
import { clientOptions, serverOptions } from './options.ts'
import { ShadowsocksServer } from './server.ts'

export type { MethodName } from './methods.ts'
export type { ShadowsocksClientInput, ShadowsocksServerInput } from './options.ts'
export { formatShadowsocksUrl, parseShadowsocksUrl } from './url.ts'
export type { ShadowsocksUrl } from './url.ts'

/** shadowsocks: a stream, or datagrams, that look like random bytes and carry the address they are for. AEAD ciphers of 2017 and SIP022 of 2022. */
export const shadowsocks: Transport<typeof clientOptions.definitions, typeof serverOptions.definitions> =
  defineTransport({
    name: 'shadowsocks',
    clientOptions,
    serverOptions,
    openClient: (environment) => new ShadowsocksClient(environment),
    openServer: (options, environment) => new ShadowsocksServer(options, environment),
  })
