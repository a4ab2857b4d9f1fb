import type { Datagrams, Platform } from '../core/platform.ts'
import type { FactorySettings, Logger, Transport } from '../core/transport.ts'
import type { ClientConfig, RequestedTransport } from '../ipc/config.ts'
import { IpcFailure } from '../ipc/failure.ts'
import { listenSocks } from '../proxy/socks-server.ts'
import { PROXIED_DATAGRAMS, createProxyDialer } from '../proxy/upstream-proxy.ts'
import { parseProxyUri } from '../wire/proxy-uri.ts'
import { tellConnectStatus, tellIfRefused } from './connect-status.ts'
import type { DispatcherParameters } from './dispatcher.ts'
import { failureFields } from './failure-text.ts'
import { nameTransport } from './ipc-logger.ts'
import { type Method, toTcpAddress } from './method.ts'
import { isCarried, packetOptionsOf } from './modes.ts'
import { isLoopback } from './outbound-source.ts'
import { startPacketsClient } from './packets-client.ts'
import { createRoute } from './route.ts'
import { addState } from './state-option.ts'
import { startMethods } from './start-methods.ts'
import { startTransparentTcp } from './transparent-tcp.ts'

export interface ClientParameters extends Pick<DispatcherParameters, 'lines' | 'registry'> {
  readonly config: ClientConfig
  readonly platform: Platform
  readonly logger: Logger
}

/**
 * Starts a PT client: its upstream proxy's line, one line for each transport, CMETHODS DONE. Rejects with the IpcFailure of an upstream proxy
 * that cannot be used, once its line is written and before anything listens.
 */
export async function startClient(parameters: ClientParameters): Promise<readonly Method[]> {
  const { config, lines, registry, logger } = parameters
  const { mode, unsafeLogging } = config
  const platform = applyUpstreamProxy(parameters)
  // Whoever reaches it may use it: no mode has a password.
  if (!isLoopback(config.listen.host)) logger.warn?.('dispatcher:proxy-exposed', {})
  const localDatagrams = parameters.platform.datagrams
  const settings = { platform, logger, unsafeLogging }
  const methods = await startMethods({
    requested: config.transports,
    registry,
    logger,
    unsafeLogging,
    start: (transport, requested) =>
      startClientMethod({ transport, requested, config, lines, platform, localDatagrams, settings, logger }),
    announce: (name, method) => lines.clientMethod(name, mode, toTcpAddress(method.address)),
    refuse: (name, text) => lines.clientMethodError(name, text),
  })
  lines.clientMethodsDone()
  return methods
}

/** Puts the upstream proxy under every transport, so that there is no way around it. */
function applyUpstreamProxy({ config, lines, platform }: ClientParameters): Platform {
  if (config.upstreamProxy === undefined) return platform
  const parsed = parseProxyUri(config.upstreamProxy)
  if ('fault' in parsed) {
    const failure = new IpcFailure('proxy', parsed.fault, config.version)
    lines.failure(failure)
    throw failure
  }
  lines.proxyDone()
  return Object.freeze({
    ...platform,
    dialer: createProxyDialer(parsed.proxy, platform.dialer),
    datagrams: PROXIED_DATAGRAMS,
  })
}

interface ClientMethodParameters extends Pick<DispatcherParameters, 'lines'> {
  readonly transport: Transport
  readonly requested: RequestedTransport
  readonly config: ClientConfig
  readonly platform: Platform
  /** What the application's side is listened for by. */
  readonly localDatagrams: Datagrams
  readonly settings: FactorySettings
  readonly logger: Logger
}

/** Listens for applications of one transport, in the mode asked for. Rejects with PT_OPTION_* for its options, or the system's error. */
async function startClientMethod(parameters: ClientMethodParameters): Promise<Method> {
  const { transport, config, lines, platform, settings } = parameters
  const logger = nameTransport(parameters.logger, transport.name)
  const { mode, target, listen: address, unsafeLogging, udpQueue, udpIdleTimeoutMs, stateLocation } = config
  const given = parameters.requested.arguments
  const requested = { ...parameters.requested, arguments: addState(transport.clientOptions, given, stateLocation) }
  const route = createRoute({ transport, requested, target, perConnection: mode === 'socks5', settings })
  if (mode === 'transparent-TCP')
    return startTransparentTcp({
      platform,
      address,
      connect: () => route.connect({}),
      logger,
      unsafeLogging,
    })
  const packets = packetOptionsOf(mode)
  if (packets !== undefined)
    return startPacketsClient({
      // The application's side is no transport's: an upstream proxy does not stand in its way.
      platform: { clock: platform.clock, datagrams: parameters.localDatagrams },
      address,
      accepts: (packet) => isCarried(mode, packet),
      connect: () => route.connectPackets({ ...packets, maxQueuedPackets: udpQueue }),
      idleTimeoutMs: udpIdleTimeoutMs,
      logger,
      unsafeLogging,
    })
  return listenSocks({
    platform,
    address,
    connect: (request) => {
      const connection = tellIfRefused(() => route.connect(request), transport.name, lines)
      tellConnectStatus(connection, transport.name, lines)
      return connection
    },
    checkParameters: (args) => tellIfRefused(() => route.check(args), transport.name, lines),
    logger,
    unsafeLogging,
    onError: (error) => {
      logger.error?.('dispatcher:listener-failed', failureFields(error, unsafeLogging))
    },
  })
}
