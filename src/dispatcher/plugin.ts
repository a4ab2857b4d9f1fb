import { isIPv6 } from 'node:net'
import { missingOption } from '../core/options.ts'
import type { Address, ByteStream, Platform } from '../core/platform.ts'
import type { Registry } from '../core/registry.ts'
import type { Arguments, Logger, OptionsReader, Transport } from '../core/transport.ts'
import type { PluginConfig } from '../ipc/sip003.ts'
import { createApplicationDialer } from './application.ts'
import { dialInTurn } from '../proxy/dial-in-turn.ts'
import { nameTransport } from './ipc-logger.ts'
import type { ServerMethod } from './listener-method.ts'
import type { Method } from './method.ts'
import { createRoute } from './route.ts'
import { startServerMethod } from './server-method.ts'
import { addState, keepsState } from './state-option.ts'
import { startTransparentTcp } from './transparent-tcp.ts'

/** Wire names of the options that say what is dialled, of transports that have an address of their own. */
const DIAL = 'dial'
const ADDRESS = 'addr'

export interface PluginParameters {
  readonly config: PluginConfig
  /** The transports that may be asked for. */
  readonly registry: Registry<Transport>
  readonly platform: Platform
  readonly logger: Logger
  /** Called when a listener fails later: the plugin is of no use then. */
  readonly onListenerFailed: (error: Error) => void
}

/** A SIP003 plugin whose options are good. */
export interface PreparedPlugin {
  /** Begins to listen, once. Rejects with the system's error where that cannot be, and PT_STATE_* for the transport's state; nothing listens then. */
  start(): Promise<StartedPlugin>
}

/** A SIP003 plugin at work. */
export interface StartedPlugin {
  /** What the plugin of a client needs as options; undefined on a client. */
  readonly clientArguments: Arguments | undefined
  /** Stops listening and destroys every connection; resolves once all is closed. */
  stop(): Promise<void>
}

/** Checks everything that a plugin is asked for, without any I/O. Throws PT_TRANSPORT_UNKNOWN and PT_OPTION_*. */
export function preparePlugin(parameters: PluginParameters): PreparedPlugin {
  const transport = parameters.registry.get(parameters.config.transport.name)
  const logger = nameTransport(parameters.logger, transport.name)
  return parameters.config.role === 'client'
    ? prepareClient({ ...parameters, logger }, transport)
    : prepareServer({ ...parameters, logger }, transport)
}

/** Listens for the host's client, and takes its bytes through the transport to the server's plugin. */
function prepareClient(parameters: PluginParameters, transport: Transport): PreparedPlugin {
  const { config, logger, onListenerFailed } = parameters
  const { remote, local, stateLocation, unsafeLogging } = config
  const platform = tryAllHosts(parameters.platform, remote)
  const route = createRoute({
    transport,
    requested: {
      ...config.transport,
      arguments: addDial(
        transport.clientOptions,
        addState(transport.clientOptions, config.transport.arguments, stateLocation),
      ),
    },
    target: { host: remote.hosts[0]!, port: remote.port },
    perConnection: false,
    settings: { platform, logger: parameters.logger, unsafeLogging },
  })
  const connect = () => route.connect({})
  return {
    start: async () => {
      const settings = { platform, address: local, connect, logger, unsafeLogging, onListenerFailed }
      const method = await startTransparentTcp(settings)
      return { clientArguments: undefined, stop: () => method.destroy() }
    },
  }
}

/** Has a transport that dials the host of its own options, such as a URL, dial what its host says, unless the options name an address to dial. */
function addDial({ definitions }: OptionsReader, given: Arguments): Arguments {
  const hasDial = Object.values(definitions).some(({ wireName }) => wireName === DIAL)
  return hasDial && given[DIAL] === undefined && given[ADDRESS] === undefined
    ? { ...given, [DIAL]: 'destination' }
    : given
}

/** Listens with the transport where the host's server would, and takes the bytes of clients to it. */
function prepareServer(parameters: PluginParameters, transport: Transport): PreparedPlugin {
  const { config, platform, logger, onListenerFailed } = parameters
  const { remote, local, stateLocation, unsafeLogging } = config
  const given = config.transport.arguments
  transport.serverOptions.parseArguments(given, 'server', { unknown: 'reject' })
  // An identity that lasts as long as the process would leave every client behind at the next start.
  if (stateLocation === undefined && keepsState(transport.serverOptions))
    throw missingOption('state', `and a server of ${transport.name} keeps its identity in that directory`)
  const options = addState(transport.serverOptions, given, stateLocation)
  const factory = transport.server(options, { platform, logger, unsafeLogging })
  const application = { kind: 'plain', address: local } as const
  const dialApplication = createApplicationDialer({ application, transport: transport.name, platform })
  const common = { factory, dialApplication, clock: platform.clock, logger, unsafeLogging, onListenerFailed }
  return {
    start: async () => {
      const methods: ServerMethod[] = []
      const stop = () => destroyAll(methods)
      try {
        for (const host of remote.hosts) {
          // Beside others `::` must leave IPv4 to them.
          const ipv6Only = remote.hosts.length > 1 && isIPv6(host)
          methods.push(await startServerMethod({ ...common, bind: { host, port: remote.port, ipv6Only } }))
        }
      } catch (error) {
        await stop()
        throw error
      }
      return { clientArguments: methods[0]!.clientArguments, stop }
    },
  }
}

async function destroyAll(methods: readonly Method[]): Promise<void> {
  await Promise.all(methods.map((method) => method.destroy()))
}

/** Makes a platform on which whoever dials the first host of the server tries the others after it. */
function tryAllHosts(platform: Platform, { hosts, port }: PluginConfig['remote']): Platform {
  if (hosts.length === 1) return platform
  const { dialer, clock } = platform
  const dial = (address: Address, { signal }: { readonly signal: AbortSignal }): Promise<ByteStream> => {
    const isServer = 'host' in address && address.host === hosts[0] && address.port === port
    return isServer
      ? dialInTurn({ hosts, port, dialerFor: () => dialer, clock, signal })
      : dialer.dial(address, { signal })
  }
  return Object.freeze({ ...platform, dialer: Object.freeze({ dial }) })
}
