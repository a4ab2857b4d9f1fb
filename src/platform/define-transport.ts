import { createClientFactory } from '../core/client-factory.ts'
import { PtError } from '../core/errors.ts'
import { createLog } from '../core/log.ts'
import { parseTransportName } from '../core/name.ts'
import type { OptionDefinitions, OptionsSchema, PartialOptions } from '../core/options.ts'
import { createServerFactory } from '../core/server-factory.ts'
import { parseSettings } from '../core/settings.ts'
import type { ClientProtocol, Environment, FactorySettings, ServerProtocol, Transport } from '../core/transport.ts'
import type { PacketFramings } from '../core/packet-framing.ts'
import { lengthPrefixFraming } from '../wire/length-prefix.ts'
import { stunFraming } from '../wire/stun.ts'
import { systemPlatform } from './index.ts'

/** How packets travel over the connections of every transport. */
export const packetFramings: PacketFramings = Object.freeze({ 'length-prefix': lengthPrefixFraming, stun: stunFraming })

export interface TransportDefinition<
  ClientDefinitions extends OptionDefinitions,
  ServerDefinitions extends OptionDefinitions,
  ClientOptions,
  ServerOptions,
> {
  /** Its PT name (draft 5.1). */
  readonly name: string
  readonly clientOptions: OptionsSchema<ClientDefinitions, ClientOptions>
  readonly serverOptions: OptionsSchema<ServerDefinitions, ServerOptions>
  /** Makes what the connections of one Client Factory share. */
  openClient(environment: Environment): ClientProtocol<ClientOptions>
  /** Makes what the listeners of one Server Factory share; nothing is read before its open(). */
  openServer(options: ServerOptions, environment: Environment): ServerProtocol
}

/**
 * Makes a Transport from a protocol: the author writes codecs, this adds factories, connections and listeners over the system's
 * platform or the one in the settings. Throws PT_NAME_INVALID.
 */
export function defineTransport<
  ClientDefinitions extends OptionDefinitions,
  ServerDefinitions extends OptionDefinitions,
  ClientOptions,
  ServerOptions,
>(
  definition: TransportDefinition<ClientDefinitions, ServerDefinitions, ClientOptions, ServerOptions>,
): Transport<ClientDefinitions, ServerDefinitions> {
  const { name, clientOptions, serverOptions } = definition
  parseTransportName(name)

  function environmentOf(settings: FactorySettings): Environment {
    return Object.freeze({ platform: settings.platform ?? systemPlatform, log: createLog(name, settings.logger) })
  }

  function createClient(
    options: PartialOptions<ClientDefinitions>,
    environment: Environment,
    settings: FactorySettings,
  ) {
    return createClientFactory({
      transport: name,
      schema: clientOptions,
      options,
      openProtocol: () => definition.openClient(environment),
      environment,
      settings,
      framings: packetFramings,
    })
  }

  return Object.freeze({
    name,
    clientOptions,
    serverOptions,
    client(options, given) {
      const settings = parseSettings(given)
      return createClient(clientOptions.parse(options), environmentOf(settings), settings)
    },
    clientFor(bridge, given) {
      const settings = parseSettings(given)
      if (bridge.transport !== name) {
        throw new PtError('PT_BRIDGE_LINE_INVALID', `The bridge line is of another transport than ${name}`)
      }
      const environment = environmentOf(settings)
      const onIgnored = (option: string) => environment.log('options:ignored', { name: option })
      const options = clientOptions.parseArguments(bridge.arguments, 'bridge-line', { unknown: 'ignore', onIgnored })
      return createClient(options, environment, settings)
    },
    server(options, given) {
      const settings = parseSettings(given)
      const environment = environmentOf(settings)
      const parsed = serverOptions.complete(serverOptions.parse(options))
      const protocol = definition.openServer(parsed, environment)
      return createServerFactory({ transport: name, protocol, environment, settings, framings: packetFramings })
    },
  } satisfies Transport<ClientDefinitions, ServerDefinitions>)
}
