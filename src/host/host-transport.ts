import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { resolve } from 'node:path'
import { PtError } from '../core/errors.ts'
import { LONGEST_TIMER_MS } from '../core/limits.ts'
import { invalidOption } from '../core/options.ts'
import type { ListenAddress, TcpAddress } from '../core/platform.ts'
import type { Arguments, Transport } from '../core/transport.ts'
import { systemClock } from '../platform/system-clock.ts'
import { adaptTransport } from './adapted-transport.ts'
import type { StartChild } from './child.ts'
import { cookiePathIn } from './cookie-file.ts'
import { toFlags, toVariables } from './configuration.ts'
import { launch } from './launch.ts'
import type { LaunchOptions, PtConfiguration, Supervision } from './launch-options.ts'
import type { Admission, ServerSource } from './listener-child.ts'
import { checkStart } from './option-checks.ts'
import { refuseUnknownOptions } from './option-names.ts'
import type { PtProcess } from './pt-process.ts'
import { resolveSupervision } from './supervision.ts'
import { SharedClient } from './shared-client.ts'
import { supervise } from './supervisor.ts'

/** What the children of a transport have in common. */
export interface HostTransportSettings
  extends Supervision, Pick<PtConfiguration, 'stateDir' | 'versions' | 'proxy' | 'outbound' | 'logLevel'> {
  /** Says whether a client may come in, by what the server child tells of it; false, an error or no answer within 5 s turns it away. */
  readonly admit?: Admission
  /**
   * Gives the state directory of a listener's child, by the address that is listened on; `stateDir` unless given. Two listeners at once need two, but for
   * programs that share one.
   */
  readonly listenerStateDir?: (address: TcpAddress) => string
  /** How long a client child that nobody uses is kept, in ms; for ever unless it is given. */
  readonly idleStopMs?: number
  /** Is shown each PT process that was launched, in time for all of its events: lines, LOG, STATUS and the like. Leave its stop to the transport. */
  readonly onProcess?: (process: PtProcess) => void
}

const OWN_SETTINGS = [
  'command',
  'args',
  'env',
  'startChild',
  'admit',
  'idleStopMs',
  'listenerStateDir',
  'onProcess',
] as const

/** What the transport decides by itself. */
const OWN_DECISIONS = ['role', 'transports', 'options', 'bind', 'orPort', 'extendedOrPort'] as const

/** How a PT process is started, by command or by another way such as a thread, and what it is configured with. */
export type HostTransportSpec = HostTransportSettings &
  (Pick<LaunchOptions, 'command' | 'args' | 'env'> | { readonly startChild: StartChild })

/** A transport that PT processes implement. */
export interface HostTransport extends Transport {
  /** Ends the client child and so its connections; the next connect() launches another. Listeners end their own children. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Makes a Transport of a PT program. All clients share one child, launched by the first connect() and kept until close(), this program's end or
 * `idleStopMs` without a connection; this program does not live on for its sake. Each listen() launches a child of its own, since a server's address and options are fixed from the start.
 *
 * Options are texts, unchecked. listen() takes IP addresses and `localhost`. A listener on a fixed port survives the death of its child,
 * which is started again; on port 0 it fails with PT_HOST_EXITED, since another child has another port. Throws PT_NAME_INVALID,
 * PT_OPTION_UNKNOWN or PT_OPTION_INVALID.
 */
export function hostTransport(given: HostTransportSpec, name: string): HostTransport {
  const spec = takeSpec(given)
  const { stateDir, versions, outbound, logLevel, proxy, admit } = spec
  const common = {
    transports: [name],
    stateDir,
    ...(versions !== undefined && { versions }),
    ...(outbound !== undefined && { outbound }),
    ...(logLevel !== undefined && { logLevel }),
  }
  const client: PtConfiguration = { ...common, role: 'client', ...(proxy !== undefined && { proxy }) }
  const child = new SharedClient({
    start: (supervision) => startProcess(spec, client, supervision),
    clock: systemClock,
    idleStopMs: checkIdleStop(spec.idleStopMs),
  })
  const transport = adaptTransport({
    name,
    clientSource: child,
    createServerSource: (options, address) =>
      createServerSource(spec, { ...common, role: 'server' }, { options, address }),
    admit,
  })
  // What is wrong is told before anything is started.
  toVariables(client)
  toFlags(client)
  const close = (): Promise<void> => child.close()
  return Object.freeze({ ...transport, close, [Symbol.asyncDispose]: close })
}

/** Checks what a transport is made of, but for the configuration, and copies it. */
function takeSpec(given: HostTransportSpec): HostTransportSpec {
  refuseUnknownOptions(given, OWN_SETTINGS, OWN_DECISIONS)
  const spec = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  checkStart(spec)
  resolveSupervision(spec)
  for (const name of ['admit', 'listenerStateDir', 'onProcess'] as const)
    if (spec[name] !== undefined && typeof spec[name] !== 'function') throw invalidOption(name, 'a function')
  return Object.freeze(spec) as unknown as HostTransportSpec
}

function checkIdleStop(idleStopMs: unknown): number | undefined {
  if (idleStopMs === undefined) return undefined
  if (
    typeof idleStopMs !== 'number' ||
    !Number.isInteger(idleStopMs) ||
    idleStopMs < 1 ||
    idleStopMs > LONGEST_TIMER_MS
  )
    throw invalidOption('idleStopMs', `a whole number from 1 to ${LONGEST_TIMER_MS}`)
  return idleStopMs
}

async function startProcess(
  spec: HostTransportSpec,
  configuration: PtConfiguration,
  supervision: Supervision,
): Promise<PtProcess> {
  const process = await launchProcess(spec, configuration, supervision)
  try {
    spec.onProcess?.(process)
  } catch (error) {
    await process.stop()
    throw error
  }
  return process
}

function launchProcess(
  spec: HostTransportSpec,
  configuration: PtConfiguration,
  supervision: Supervision,
): Promise<PtProcess> {
  const { startTimeoutMs, stopTimeoutMs, restart, restartDelayMs, maxRestarts, logger, signal } = spec
  const given = {
    startTimeoutMs,
    stopTimeoutMs,
    restart,
    restartDelayMs,
    maxRestarts,
    logger,
    ...supervision,
    signal: joinSignals(signal, supervision.signal),
  }
  const limits = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Supervision
  if ('startChild' in spec) return supervise(spec.startChild, configuration, limits)
  const { command, args, env } = spec
  return launch({
    ...configuration,
    ...limits,
    command,
    ...(args !== undefined && { args }),
    ...(env !== undefined && { env }),
  })
}

function joinSignals(...signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined {
  const given = signals.filter((signal) => signal !== undefined)
  return given.length > 1 ? AbortSignal.any(given) : given[0]
}

function createServerSource(
  spec: HostTransportSpec,
  common: PtConfiguration,
  { options, address }: { readonly options: Arguments; readonly address: ListenAddress },
): ServerSource {
  const name = common.transports[0]!
  const bind = bindAddressOf(address)
  const stateDir = spec.listenerStateDir?.(bind) ?? common.stateDir
  const cookieFile = cookiePathIn(resolve(stateDir))
  // On a port that the system chose, another child would listen elsewhere.
  const supervision = bind.port === 0 ? { restart: false } : {}
  const configurationFor = (orPort: TcpAddress): PtConfiguration => ({
    ...common,
    stateDir,
    bind: { [name]: bind },
    extendedOrPort: { address: orPort, cookieFile },
    ...(Object.keys(options).length > 0 && { options: { [name]: options } }),
  })
  // What is wrong is told before anything is started.
  toVariables(configurationFor({ host: '127.0.0.1', port: 1 }))
  return {
    place: { kind: 'extended', address: { host: '127.0.0.1', port: 0 }, cookieFile, isOwnFile: true },
    start: (port, signal) =>
      startProcess(spec, configurationFor(port.address), { ...supervision, ...(signal !== undefined && { signal }) }),
    end: (process) => process.stop(),
    setRef: (process, ref) => void (ref ? process.ref() : process.unref()),
  }
}

/** Makes what a child is told of where to listen: every address where no host is given, as net does. Throws PT_ADDRESS_INVALID or PT_OPTION_INVALID. */
function bindAddressOf(address: ListenAddress): TcpAddress {
  if ('path' in address) throw new PtError('PT_ADDRESS_INVALID', 'A PT process listens on TCP, not on a UNIX socket')
  if (address.ipv6Only === true) throw new PtError('PT_OPTION_INVALID', 'Option "ipv6Only" is not for PT processes')
  const { host = everyAddress(), port } = address
  if (host === 'localhost') return { host: '127.0.0.1', port }
  if (isIP(host) === 0) throw new PtError('PT_ADDRESS_INVALID', 'A PT process listens on an IP address, not on a name')
  return { host, port }
}

function everyAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return addresses.some(({ family }) => family === 'IPv6') ? '::' : '0.0.0.0'
}
