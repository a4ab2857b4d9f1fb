import type { Platform } from '../core/platform.ts'
import { createNetDatagrams } from '../platform/net-datagrams.ts'
import { createNetDialer } from '../platform/net-dialer.ts'
import { readSmallFile } from '../platform/small-file.ts'
import { lookupBySystem } from '../platform/system-lookup.ts'
import { startClient } from './client.ts'
import type { Dispatcher, DispatcherParameters } from './dispatcher.ts'
import { createIpcLogger } from './ipc-logger.ts'
import type { Method } from './method.ts'
import { createOutboundDatagrams } from './outbound-datagrams.ts'
import { createOutboundDialer } from './outbound-dialer.ts'
import { startServer } from './server.ts'

/**
 * Runs a PT client or a PT server as its configuration asks, and writes its lines from VERSION to the end of the methods (PT 1.0 §3.3). A
 * transport that is not known is ignored; one that cannot start gets its error line and the others go on.
 */
export function runDispatcher(parameters: DispatcherParameters): Dispatcher {
  const starting = start(parameters)
  const ready = starting.then(() => {})
  // Who only waits for the end need not ask how the beginning went.
  ready.catch(() => {})
  const started = starting.catch(() => [])

  const close = async (): Promise<readonly Method[]> => {
    const methods = await started
    await Promise.all(methods.map((method) => method.close()))
    return methods
  }
  return Object.freeze({
    ready,
    drain: async () => {
      const methods = await close()
      await Promise.all(methods.map((method) => method.drained()))
    },
    stop: async () => {
      const methods = await started
      await Promise.all(methods.map((method) => method.destroy()))
    },
  })
}

async function start(parameters: DispatcherParameters): Promise<readonly Method[]> {
  const { config, lines, registry, implementation, readFile = readSmallFile } = parameters
  lines.version()
  if (implementation !== undefined) lines.implementation(implementation.name, implementation.version)
  const logger = createIpcLogger(lines, config.ipcLogLevel, parameters.logger)
  const platform = applyOutboundAddresses(parameters)
  if (config.role === 'client') return startClient({ config, lines, registry, platform, logger })
  return startServer({ config, lines, registry, platform, logger, readFile })
}

function applyOutboundAddresses(parameters: DispatcherParameters): Platform {
  const { config, platform, createDialer, createDatagrams, lookup = lookupBySystem } = parameters
  const { outbound } = config
  if (outbound.v4 === undefined && outbound.v6 === undefined) return platform
  const dialer = createOutboundDialer({
    outbound,
    dialer: platform.dialer,
    createDialer: createDialer ?? ((localAddress) => createNetDialer({ localAddress })),
    lookup,
    clock: platform.clock,
  })
  const datagrams = createOutboundDatagrams({
    outbound,
    datagrams: platform.datagrams,
    createDatagrams: createDatagrams ?? ((localAddress) => createNetDatagrams({ localAddress })),
    lookup,
  })
  return Object.freeze({ ...platform, dialer, datagrams })
}
