import { errorMonitor } from 'node:events'
import { Connection } from './connection.ts'
import { resolveLimits } from './limits.ts'
import type { OptionDefinitions, OptionsSchema, PartialOptions } from './options.ts'
import { normalizeConnect } from './target.ts'
import { codeOf, trafficOf } from './traffic.ts'
import type { Arguments, ClientFactory, ClientProtocol, Environment, FactorySettings } from './transport.ts'

/** Sets of connection arguments whose options a factory keeps: an application gives the same ones again and again. */
const MAX_KEPT_ARGUMENTS = 16

export interface ClientFactoryParameters<Definitions extends OptionDefinitions, Options> {
  readonly transport: string
  readonly schema: OptionsSchema<Definitions, Options>
  readonly options: PartialOptions<Definitions>
  /** Called once the options are known to be good. */
  openProtocol(): ClientProtocol<Options>
  readonly environment: Environment
  readonly settings: FactorySettings
}

/** Makes a Client Factory from a protocol. Throws PT_OPTION_MISSING or PT_OPTION_INVALID unless options may come per connection. */
export function createClientFactory<Definitions extends OptionDefinitions, Options>(
  parameters: ClientFactoryParameters<Definitions, Options>,
): ClientFactory {
  const { transport, schema, options, environment, settings } = parameters
  const { platform, log } = environment
  const limits = resolveLimits(settings)
  const complete = settings.optionsPerConnection === true ? undefined : schema.complete(options)

  const protocol = parameters.openProtocol()
  const kept = new Map<string, Options>()

  function optionsOf(args: Arguments | undefined): Options {
    if (args === undefined) return complete ?? schema.complete(options)
    const key = JSON.stringify(args)
    let merged = kept.get(key)
    if (merged === undefined) {
      merged = parse(args)
      if (kept.size >= MAX_KEPT_ARGUMENTS) kept.delete(kept.keys().next().value!)
      kept.set(key, merged)
    }
    return merged
  }

  function parse(args: Arguments): Options {
    const onIgnored = (name: string) => log('options:ignored', { name })
    return schema.complete(
      schema.merge(options, schema.parseArguments(args, 'connection', { unknown: 'ignore', onIgnored })),
    )
  }

  return {
    transport,
    checkArguments(args: Arguments): void {
      optionsOf(args)
    },
    connect(...args: unknown[]): Connection {
      const { options: given, address, listener } = normalizeConnect(args)
      const codec = protocol.codec(optionsOf(given.arguments))
      const connection = new Connection({
        ...limits,
        codec,
        clock: platform.clock,
        source: (signal) => platform.dialer.dial(address, { signal }),
        allowHalfOpen: given.allowHalfOpen,
        noDelay: given.noDelay,
        keepAlive: given.keepAlive,
        keepAliveInitialDelay: given.keepAliveInitialDelay,
        timeout: given.timeout,
        signal: given.signal,
      })
      connection.once('connect', () => log('connection:open', { role: 'client' }))
      connection.once('close', () => log('connection:close', trafficOf(connection, 'client')))
      connection.once(errorMonitor, (error: Error) => log('connection:error', { role: 'client', ...codeOf(error) }))
      if (listener !== undefined) connection.once('connect', listener)
      return connection
    },
  }
}
