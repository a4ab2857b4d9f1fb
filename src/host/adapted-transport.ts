import { PtError } from '../core/errors.ts'
import { parseTransportName } from '../core/name.ts'
import type { ListenAddress } from '../core/platform.ts'
import type { Arguments, Transport } from '../core/transport.ts'
import { type ClientSource, createClientAdapter } from './client-adapter.ts'
import type { Admission, ServerSource } from './listener-child.ts'
import { createServerAdapter } from './server-adapter.ts'
import { TextOptions } from './text-options.ts'

export interface AdaptedTransportParameters {
  readonly name: string
  /** Absent where there is no such role. */
  readonly clientSource?: ClientSource
  /** Makes what a listener's child comes from; absent where there is no such role. */
  readonly createServerSource?: (options: Arguments, address: ListenAddress) => ServerSource
  readonly admit?: Admission | undefined
}

/** Makes a Transport of PT processes. Its options are texts that no schema knows. Throws PT_NAME_INVALID; PT_HOST_ROLE from the factory of a role that is not there. */
export function adaptTransport(parameters: AdaptedTransportParameters): Transport {
  const { clientSource, createServerSource, admit } = parameters
  const name = parseTransportName(parameters.name)
  const schema = new TextOptions(name)
  const clientSourceOrThrow = (): ClientSource => clientSource ?? refuseRole('server', 'client')
  return Object.freeze({
    name,
    clientOptions: schema,
    serverOptions: schema,
    client(options, settings) {
      return createClientAdapter({
        name,
        schema,
        source: clientSourceOrThrow(),
        options: schema.parse(options),
        settings,
      })
    },
    clientFor(bridge, settings) {
      const source = clientSourceOrThrow()
      if (bridge.transport !== name)
        throw new PtError('PT_BRIDGE_LINE_INVALID', `The bridge line is of another transport than ${name}`)
      return createClientAdapter({ name, schema, source, options: schema.parse(bridge.arguments), settings })
    },
    server(options, settings) {
      if (createServerSource === undefined) return refuseRole('client', 'server')
      const parsed = schema.parse(options)
      const createSource = (address: ListenAddress): ServerSource => createServerSource(parsed, address)
      return createServerAdapter({ name, settings, admit, createSource })
    },
  } satisfies Transport)
}

function refuseRole(role: string, asked: string): never {
  throw new PtError('PT_HOST_ROLE', `The PT process is a ${role}; it was asked for its ${asked}`)
}
