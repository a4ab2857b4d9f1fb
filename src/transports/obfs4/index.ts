import type { Transport } from '../../core/transport.ts'
import { defineTransport } from '../../platform/define-transport.ts'
import { Obfs4Client } from './client.ts'
import { clientOptions, serverOptions } from './options.ts'
import { Obfs4Server } from './server.ts'

export type { Obfs4ClientInput, Obfs4ServerInput } from './options.ts'

/** obfs4: a stream that looks like uniformly random bytes, to a server that answers nobody without its bridge line. */
export const obfs4: Transport<typeof clientOptions.definitions, typeof serverOptions.definitions> = defineTransport({
  name: 'obfs4',
  clientOptions,
  serverOptions,
  openClient: (environment) => new Obfs4Client(environment),
  openServer: (options, environment) => new Obfs4Server(options, environment),
})
