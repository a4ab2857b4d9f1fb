import type { Transport } from '../../core/transport.ts'
import { defineTransport } from '../../platform/define-transport.ts'
import { ScrambleSuitClient } from './client.ts'
import { clientOptions, serverOptions } from './options.ts'
import { ScrambleSuitServer } from './server.ts'

export type { ScrambleSuitClientInput, ScrambleSuitServerInput } from './options.ts'

/** ScrambleSuit: a stream that looks like uniformly random bytes, to a server that answers nobody without its password or a ticket of its own. */
export const scramblesuit: Transport<typeof clientOptions.definitions, typeof serverOptions.definitions> =
  defineTransport({
    name: 'scramblesuit',
    clientOptions,
    serverOptions,
    openClient: (environment) => new ScrambleSuitClient(environment),
    openServer: (options, environment) => new ScrambleSuitServer(options, environment),
  })
