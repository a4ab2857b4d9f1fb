import { isDeepStrictEqual } from 'node:util'
import { PtError } from '../core/errors.ts'
import type { ListenAddress } from '../core/platform.ts'
import type { Transport } from '../core/transport.ts'
import { systemClock } from '../platform/system-clock.ts'
import { adaptTransport } from './adapted-transport.ts'
import type { ApplicationPortPlace } from './application-port.ts'
import { watchFor } from './child-watch.ts'
import type { PtConfiguration } from './launch-options.ts'
import type { ServerSource } from './listener-child.ts'
import type { PtProcess } from './pt-process.ts'

/**
 * Gives the role of a PT process that the caller launched as a Transport. A client's connections go through the process; a server's listener is the application
 * server that the process was launched for, and must be asked for no other address than the process listens on. The process lives on.
 * Throws PT_TRANSPORT_UNKNOWN for a transport that it was not asked for.
 */
export function processTransport(process: PtProcess, configuration: PtConfiguration, name: string): Transport {
  if (!configuration.transports.includes(name))
    throw new PtError('PT_TRANSPORT_UNKNOWN', `The PT process was launched for ${configuration.transports.join(', ')}`)
  if (process.role === 'server') {
    return adaptTransport({
      name,
      createServerSource: (options, address) => {
        if (Object.keys(options).length > 0)
          throw new PtError('PT_OPTION_INVALID', 'The options of a running PT process were given when it was launched')
        return sourceOf(process, { configuration, name, address })
      },
    })
  }
  const watch = watchFor(process, systemClock)
  return adaptTransport({ name, clientSource: { watch, dialThrough: (dial) => dial(process) } })
}

function sourceOf(
  process: PtProcess,
  {
    configuration,
    name,
    address,
  }: { readonly configuration: PtConfiguration; readonly name: string; readonly address: ListenAddress },
): ServerSource {
  const { orPort, extendedOrPort } = configuration
  // With both, children take the extended one.
  const place: ApplicationPortPlace =
    extendedOrPort === undefined ? { kind: 'plain', address: orPort! } : { kind: 'extended', ...extendedOrPort }
  const method = process.methods.get(name)
  const isAnywhere = isDeepStrictEqual({ ...address }, { port: 0 })
  if (!isAnywhere && process.methods.size === 0)
    throw new PtError('PT_HOST_EXITED', 'The PT process is being started again, and listens nowhere for now')
  const isThere =
    'port' in address &&
    address.port === method?.address.port &&
    [undefined, method.address.host].includes(address.host)
  if (!isAnywhere && !isThere)
    throw new PtError('PT_ADDRESS_INVALID', 'A running PT process listens on the address that it was launched for')
  return { place, start: () => Promise.resolve(process), end: () => Promise.resolve() }
}
