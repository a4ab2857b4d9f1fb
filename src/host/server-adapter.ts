import { createLog } from '../core/log.ts'
import type { ListenAddress } from '../core/platform.ts'
import { createServerFactory } from '../core/server-factory.ts'
import { parseSettings } from '../core/settings.ts'
import { normalizeListen } from '../core/target.ts'
import type { FactorySettings, ListenOptions, ServerFactory } from '../core/transport.ts'
import { packetFramings } from '../platform/define-transport.ts'
import { systemPlatform } from '../platform/index.ts'
import { type Admission, ListenerChild, type ServerSource } from './listener-child.ts'

export interface ServerAdapterParameters {
  readonly name: string
  readonly settings: FactorySettings | undefined
  readonly admit?: Admission | undefined
  /** Makes the source of a listener for this address. Throws what listen() is to throw. */
  readonly createSource: (address: ListenAddress) => ServerSource
}

/**
 * Makes a Server Factory each of whose listeners has a server child of its own, and is that child's application server. close() takes no
 * newcomers from then on; the child ends, and its address is free, after the last connection. Throws PT_OPTION_UNKNOWN or PT_OPTION_INVALID.
 */
export function createServerAdapter(parameters: ServerAdapterParameters): ServerFactory {
  const { name, admit, createSource } = parameters
  const settings = parseSettings(parameters.settings)
  const platform = settings.platform ?? systemPlatform
  const log = createLog(name, settings.logger)
  return {
    transport: name,
    listen(...args: unknown[]) {
      const { options, address, listener } = normalizeListen(args)
      const child = new ListenerChild({ name, platform, log, admit, source: createSource(address) })
      const factory = createServerFactory({
        transport: name,
        protocol: child,
        environment: { platform: { ...platform, binder: child }, log },
        settings,
        framings: packetFramings,
      })
      return factory.listen(options satisfies ListenOptions, listener)
    },
  }
}
