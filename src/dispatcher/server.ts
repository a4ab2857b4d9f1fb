import type { Platform } from '../core/platform.ts'
import type { Arguments, Logger, Transport } from '../core/transport.ts'
import { formatAddress } from '../ipc/address.ts'
import type { ApplicationServer, RequestedServerTransport, ServerConfig } from '../ipc/config.ts'
import { type Application, createApplicationDialer, createApplicationOpener } from './application.ts'
import { createCookieReader } from './cookie-file.ts'
import type { DispatcherParameters } from './dispatcher.ts'
import { nameTransport } from './ipc-logger.ts'
import type { ServerMethod } from './listener-method.ts'
import { type Method, toTcpAddress } from './method.ts'
import { packetOptionsOf } from './modes.ts'
import { isLoopback } from './outbound-source.ts'
import { startPacketsServer } from './packets-server.ts'
import { startServerMethod } from './server-method.ts'
import { startMethods } from './start-methods.ts'
import { addState } from './state-option.ts'

export interface ServerParameters extends Pick<DispatcherParameters, 'lines' | 'registry'> {
  readonly config: ServerConfig
  readonly platform: Platform
  readonly logger: Logger
  readonly readFile: (path: string, mostLength: number) => Promise<Buffer>
}

/** Starts a PT server: one line for each transport, SMETHODS DONE. Never rejects. */
export async function startServer(parameters: ServerParameters): Promise<readonly Method[]> {
  const { config, lines, registry, platform, logger } = parameters
  const { mode, udpIdleTimeoutMs, unsafeLogging, stateLocation } = config
  warnOfExposure(config.application, logger)
  const application = openApplication(parameters)
  const settings = { platform, logger, unsafeLogging }

  const start = async (transport: Transport, requested: RequestedServerTransport): Promise<ServerMethod> => {
    const factory = transport.server(serverOptions(transport, requested.arguments, stateLocation), settings)
    const named = nameTransport(logger, transport.name)
    const { clock } = platform
    const common = { factory, bind: requested.bind, clock, logger: named, unsafeLogging }
    const packets = packetOptionsOf(mode)
    if (packets !== undefined) {
      const openApplication = createApplicationOpener(application, mode, platform)
      return startPacketsServer({ ...common, packets, openApplication, idleTimeoutMs: udpIdleTimeoutMs })
    }
    const dialApplication = createApplicationDialer({ application, transport: transport.name, platform })
    return startServerMethod({ ...common, dialApplication })
  }
  const methods = await startMethods({
    requested: config.transports,
    registry,
    logger,
    unsafeLogging,
    start,
    announce: (name, { address, publicAddress, clientArguments }) => {
      const bound = toTcpAddress(address)
      // Which the line of the method does not tell then; it is this server's own.
      if (publicAddress !== undefined)
        logger.info?.('dispatcher:bound', { transport: name, address: formatAddress(bound) })
      lines.serverMethod(name, publicAddress ?? bound, clientArguments)
    },
    refuse: (name, text) => lines.serverMethodError(name, text),
  })
  lines.serverMethodsDone()
  return methods
}

/** Makes what reads the cookie, if there is one to read, and tells at once of one that cannot be read; it may still be made in time. */
function openApplication({ config, lines, readFile }: ServerParameters): Application {
  const { application } = config
  if (application.kind === 'plain') return application
  const { address, cookieFile: path } = application
  const readCookieFile = createCookieReader({ path, readFile, warn: (text) => lines.warn(text) })
  readCookieFile().catch(() => {})
  return { kind: 'extended-orport', orPort: { address, readCookieFile } }
}

/** Checks a server's options and adds the state directory. */
function serverOptions({ serverOptions: schema }: Transport, given: Arguments, stateLocation: string): Arguments {
  schema.parseArguments(given, 'server', { unknown: 'reject' })
  return addState(schema, given, stateLocation)
}

/** The Extended ORPort carries the addresses of clients in the clear. */
function warnOfExposure({ kind, address }: ApplicationServer, logger: Logger): void {
  if (kind === 'extended-orport' && !isLoopback(address.host)) logger.warn?.('dispatcher:extended-orport-exposed', {})
}
