import type { TcpAddress } from '../core/platform.ts'
import { parseIpcHost, parseIpcPort } from './address.ts'
import type { LogFileLevel, RequestedTransport } from './config.ts'
import { IpcFailure } from './failure.ts'
import { OFF, ON, parseFlags } from './flags.ts'
import { SERVER_ADDRESS } from './server-address.ts'
import { readVariable } from './setting-reader.ts'
import { parsePluginOptions } from './sip003-options.ts'

/** What a SIP003 plugin is asked to do by its host. */
export interface PluginConfig {
  readonly role: 'client' | 'server'
  readonly transport: RequestedTransport
  /** Where the transport's server listens: addresses or names, at least one, with one port. */
  readonly remote: { readonly hosts: readonly string[]; readonly port: number }
  /** Where the host is: a client listens there for it, a server connects to it. */
  readonly local: TcpAddress
  /** The state directory as given, relative to the current one. */
  readonly stateLocation: string | undefined
  /** The level of the log file in the state directory; undefined for none. */
  readonly logFileLevel: LogFileLevel | undefined
  /** Leaves addresses and arguments in the log. */
  readonly unsafeLogging: boolean
}

/** What is wrong, as a sentence that names the culprit and repeats no value. */
export interface Problem {
  readonly problem: string
}

type Environment = Readonly<Record<string, string | undefined>>

const REMOTE_HOST = 'SS_REMOTE_HOST'
const REMOTE_PORT = 'SS_REMOTE_PORT'
const LOCAL_HOST = 'SS_LOCAL_HOST'
const LOCAL_PORT = 'SS_LOCAL_PORT'
const OPTIONS = 'SS_PLUGIN_OPTIONS'

/** The variables of the IPC without which no parent starts a PT process. */
const IPC_VARIABLES = ['TOR_PT_MANAGED_TRANSPORT_VER', 'TOR_PT_CLIENT_TRANSPORTS', 'TOR_PT_SERVER_TRANSPORTS']
/** Flags that say what to run. */
const IPC_FLAGS = ['client', 'server', 'transport', 'transports'] as const
/** What hosts put on the command line by themselves: where plugins must protect their sockets from a VPN, and for TCP Fast Open. */
const HOST_ARGUMENTS: ReadonlySet<string> = new Set(['-V', '--fast-open'])

/**
 * Says whether a process is started as a SIP003 plugin or as a PT process. A flag that names a role or a transport asks for the dispatcher, whatever the
 * environment holds. Variables of both kinds contradict each other: that failure is for either parent. So does any other argument beside SS_REMOTE_HOST.
 */
export function chooseInterface(
  argv: readonly string[],
  environment: Environment,
): 'dispatcher' | 'plugin' | IpcFailure | Problem {
  const isSet = (name: string): boolean => readVariable(environment, name) !== undefined
  const flags = parseFlags(argv)
  if (IPC_FLAGS.some((name) => flags.has(name))) return 'dispatcher'
  const ipcVariable = IPC_VARIABLES.find(isSet)
  const others = argv.filter((argument) => !HOST_ARGUMENTS.has(argument))
  if (!isSet(REMOTE_HOST)) {
    const isMeant = [REMOTE_PORT, LOCAL_HOST, LOCAL_PORT].some(isSet)
    return isMeant && ipcVariable === undefined && others.length === 0 ? 'plugin' : 'dispatcher'
  }
  if (ipcVariable !== undefined)
    return new IpcFailure('env', `${REMOTE_HOST} and ${ipcVariable} cannot both be set without a flag`, undefined)
  if (others.length === 0) return 'plugin'
  return { problem: `${REMOTE_HOST} is set: the options of a plugin are in ${OPTIONS}, not on the command line` }
}

/** Reads and checks what a SIP003 host says in the environment, but for the transport's own options. The result is frozen. */
export function readPluginConfig(environment: Environment): PluginConfig | Problem {
  const remotePort = readPort(environment, REMOTE_PORT)
  const localPort = readPort(environment, LOCAL_PORT)
  const hosts = readHosts(environment)
  const local = readHost(readVariable(environment, LOCAL_HOST), LOCAL_HOST)
  const parts = [hosts, remotePort, local, localPort] as const
  const wrong = parts.find(isProblem)
  if (wrong !== undefined) return wrong
  const options = readOptions(readVariable(environment, OPTIONS) ?? '')
  if (isProblem(options)) return options
  const [remoteHosts, port, host, ownPort] = parts as readonly [readonly string[], number, string, number]
  return Object.freeze({
    ...options,
    remote: Object.freeze({ hosts: remoteHosts, port }),
    local: Object.freeze({ host, port: ownPort }),
  })
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'problem' in value
}

function readPort(environment: Environment, name: string): number | Problem {
  const text = readVariable(environment, name)
  if (text === undefined) return { problem: `${name} is missing` }
  return parseIpcPort(text, 1) ?? { problem: `${name} must be a port from 1 to 65535` }
}

/** What hosts put between several addresses. */
const SEPARATOR = '|'

/** Reads the addresses of the transport's server. */
function readHosts(environment: Environment): readonly string[] | Problem {
  const texts = readVariable(environment, REMOTE_HOST)?.split(SEPARATOR) ?? [undefined]
  const hosts = texts.map((text) => readHost(text, REMOTE_HOST))
  const wrong = hosts.find(isProblem)
  return wrong ?? Object.freeze([...new Set(hosts as readonly string[])])
}

function readHost(text: string | undefined, name: string): string | Problem {
  if (text === undefined) return { problem: `${name} is missing` }
  const host = text.includes(SEPARATOR) ? undefined : parseIpcHost(text, true)
  return host ?? { problem: `${name} must be an IP address or a host name` }
}

/** The transport of who names none. */
const DEFAULT_TRANSPORT = 'obfs4'
const LEVELS = ['ERROR', 'WARN', 'INFO', 'DEBUG'] as const satisfies readonly LogFileLevel[]

/** Options of a transport that a plugin's host or its own options stand for. */
const REPLACED: Readonly<Record<string, string>> = {
  [SERVER_ADDRESS]: `${REMOTE_HOST} and ${REMOTE_PORT} stand`,
  'state-dir': '"state" stands',
}

function readOptions(text: string): Omit<PluginConfig, 'remote' | 'local'> | Problem {
  const parsed = parsePluginOptions(text)
  if ('problem' in parsed) return { problem: `${OPTIONS} ${parsed.problem}` }
  const { server, transport = DEFAULT_TRANSPORT, state, loglevel, unsafelogging, ...rest } = toRecord(parsed.options)
  const isServer = readSwitch(server, 'server')
  const unsafeLogging = readSwitch(unsafelogging, 'unsafelogging')
  const logFileLevel = LEVELS.find((level) => level === loglevel?.toUpperCase())
  for (const value of [isServer, unsafeLogging]) if (isProblem(value)) return value
  if (state === '') return { problem: `Option "state" in ${OPTIONS} must be the path of a directory` }
  if (loglevel !== undefined && logFileLevel === undefined)
    return { problem: `Option "loglevel" in ${OPTIONS} must be one of ${LEVELS.join(', ')}` }
  if (logFileLevel !== undefined && state === undefined)
    return { problem: `Option "loglevel" in ${OPTIONS} needs "state", the directory of the log file` }
  const replaced = Object.keys(REPLACED).find((name) => Object.hasOwn(rest, name))
  if (replaced !== undefined)
    return { problem: `Option "${replaced}" cannot be given in ${OPTIONS}: ${REPLACED[replaced]} for it` }
  return {
    role: isServer === true ? 'server' : 'client',
    transport: Object.freeze({ name: transport, arguments: Object.freeze(rest) }),
    stateLocation: state,
    logFileLevel,
    unsafeLogging: unsafeLogging === true,
  }
}

function toRecord(options: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries(options)
}

function readSwitch(value: string | undefined, name: string): boolean | Problem {
  if (value === undefined || OFF.has(value)) return false
  return ON.has(value) || { problem: `Option "${name}" in ${OPTIONS} takes no value, or 1, true, 0 or false` }
}
