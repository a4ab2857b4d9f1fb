import { errorMonitor } from 'node:events'
import { Connection } from './connection.ts'
import { ClientDatagrams, logDatagrams } from './datagram-packets.ts'
import { PtError } from './errors.ts'
import { resolveLimits } from './limits.ts'
import type { OptionDefinitions, OptionsSchema, PartialOptions } from './options.ts'
import type { PacketFramings } from './packet-framing.ts'
import { type PacketLimits, resolvePacketOptions } from './packet-settings.ts'
import type { PacketConnection } from './packets.ts'
import { StreamPackets } from './stream-packets.ts'
import { type ConnectTarget, normalizeConnect } from './target.ts'
import { codeOf, packetTrafficOf, trafficOf } from './traffic.ts'
import type {
  Arguments,
  ClientFactory,
  ClientProtocol,
  Destination,
  Environment,
  FactorySettings,
} from './transport.ts'

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
  readonly framings: PacketFramings
}

/** Makes a Client Factory from a protocol. Throws PT_OPTION_MISSING or PT_OPTION_INVALID unless options may come per connection. */
export function createClientFactory<Definitions extends OptionDefinitions, Options>(
  parameters: ClientFactoryParameters<Definitions, Options>,
): ClientFactory {
  const { transport, schema, options, environment, settings, framings } = parameters
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

  function routeOf(merged: Options, told: Destination): Destination {
    if (protocol.route !== undefined) return protocol.route(merged, told)
    if (told.target === undefined) return told
    throw new PtError('PT_TARGET_UNSUPPORTED', `Connections of ${transport} carry no target`)
  }

  /** Connects a byte stream, whose end is the caller's to log; argument errors throw before any I/O. */
  function open({ options: given, told }: ConnectTarget): Connection {
    const merged = optionsOf(given.arguments)
    const destination = routeOf(merged, told)
    const connection = new Connection({
      ...limits,
      codec: protocol.codec(merged, destination),
      target: destination.target,
      clock: platform.clock,
      source: (signal) =>
        protocol.dial === undefined
          ? platform.dialer.dial(destination.address, { signal })
          : protocol.dial(destination, merged, signal),
      allowHalfOpen: given.allowHalfOpen,
      noDelay: given.noDelay,
      keepAlive: given.keepAlive,
      keepAliveInitialDelay: given.keepAliveInitialDelay,
      timeout: given.timeout,
      signal: given.signal,
    })
    connection.once('connect', () => log('connection:open', { role: 'client' }))
    connection.once(errorMonitor, (error: Error) => log('connection:error', { role: 'client', ...codeOf(error) }))
    return connection
  }

  /** Connects for the transport's own datagrams. */
  function openDatagrams({ options: given, told, listener }: ConnectTarget, of: PacketLimits): PacketConnection {
    const merged = optionsOf(given.arguments)
    const destination = routeOf(merged, told)
    const { address } = destination
    if ('path' in address) throw new PtError('PT_ADDRESS_INVALID', 'Datagrams go to a host and port, not to a path')
    const packets = new ClientDatagrams({
      ...limits,
      codec: protocol.datagrams!(merged, destination),
      limits: of,
      clock: platform.clock,
      datagrams: platform.datagrams,
      address,
      signal: given.signal,
    })
    logDatagrams(packets, 'client', log)
    if (listener !== undefined) packets.once('connect', listener)
    return packets
  }

  return {
    transport,
    hasTargets: protocol.route !== undefined,
    checkArguments(args: Arguments): void {
      optionsOf(args)
    },
    connect(...args: unknown[]): Connection {
      const target = normalizeConnect(args)
      const connection = open(target)
      connection.once('close', () => log('connection:close', trafficOf(connection, 'client')))
      if (target.listener !== undefined) connection.once('connect', target.listener)
      return connection
    },
    connectPackets(...args: unknown[]): PacketConnection {
      const target = normalizeConnect(args)
      const hasDatagrams = protocol.datagrams !== undefined
      const settings = resolvePacketOptions(target.options, { transport, hasDatagrams, role: 'client' })
      if (settings.framing === 'datagrams') return openDatagrams(target, settings.limits)
      const { noDelay = true } = target.options
      const options = { ...target.options, noDelay, timeout: 0, allowHalfOpen: false }
      const connection = open({ ...target, options })
      const packets = new StreamPackets({
        connection,
        framing: framings[settings.framing],
        limits: settings.limits,
        clock: platform.clock,
        lingerMs: limits.lingerMs,
      })
      packets.once('close', () => log('connection:close', packetTrafficOf(connection, packets, 'client')))
      if (target.listener !== undefined) packets.once('connect', target.listener)
      return packets
    },
  }
}
