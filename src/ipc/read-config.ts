import { isIPv4, isIPv6 } from 'node:net'
import { isTransportName } from '../core/name.ts'
import { showName } from '../core/option-names.ts'
import type { Arguments } from '../core/transport.ts'
import type {
  ClientConfig,
  CommonConfig,
  DispatcherConfig,
  OutboundAddresses,
  ProxyMode,
  RequestedTransport,
} from './config.ts'
import { IpcFailure } from './failure.ts'
import { type Flags, parseFlags } from './flags.ts'
import { readUdpIdleTimeoutMs, readUdpQueue } from './read-udp.ts'
import { readServerPart } from './read-server.ts'
import { type Given, SettingReader, readVariable } from './setting-reader.ts'
import { FLAGS, type FlagName, OUTBOUND_VARIABLES } from './settings.ts'
import { parseTransportOptions } from './transport-options.ts'
import { negotiateVersion } from './version.ts'

/** What a dispatcher is configured from. */
export interface ConfigSources {
  /** The arguments after the program's name. */
  readonly argv: readonly string[]
  /** Not kept, nor changed. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Names of the transports that exist here: what is given for others is skipped. */
  readonly knownTransports: readonly string[]
  /**
   * Reads the file of -optionsFile as UTF-8, relative to the current directory; throws the system's error, or RangeError for one of more
   * than `mostLength` bytes, whose message follows a colon.
   */
  readonly readFile: (path: string, mostLength: number) => string
}

const PROXY_MODES = ['socks5', 'transparent-TCP', 'transparent-UDP', 'STUN'] as const satisfies readonly ProxyMode[]
const DEFAULT_LISTEN = Object.freeze({ host: '127.0.0.1', port: 0 })

/**
 * Reads and checks the configuration (PT 1.0 §3.2, PT 3.0 §1.1): the version first, so that every failure has its stream, then everything
 * but the upstream proxy and the settings of single transports. The result is frozen. It throws nothing.
 */
export function readDispatcherConfig(sources: ConfigSources): DispatcherConfig | IpcFailure {
  const flags = parseFlags(sources.argv)
  const list = flags.text('ptversion') ?? readVariable(sources.environment, 'TOR_PT_MANAGED_TRANSPORT_VER')
  const version = negotiateVersion(list)
  if (version === undefined) return new IpcFailure('version', 'no-version', undefined)
  try {
    return Object.freeze(readAll(new SettingReader(flags, sources.environment, version), sources))
  } catch (error) {
    if (error instanceof IpcFailure) return error
    throw error
  }
}

function readAll(reader: SettingReader, sources: ConfigSources): DispatcherConfig {
  const { problems } = reader.flags
  if (problems.length > 0) reader.fail(problems.join('; '))
  const role = readRole(reader)
  refuseFlagsOf(role === 'client' ? 'server' : 'client', reader)
  const names = readNames(reader, role)
  const known = names.filter((name) => sources.knownTransports.includes(name))
  const options = readOptions(reader, role, new Set(known), sources)
  const common = readCommon(reader)
  const transports = names.map((name) => Object.freeze({ name, arguments: NO_ARGUMENTS, ...options.get(name) }))
  if (role === 'server') return { ...common, role, ...readServerPart(reader, transports, new Set(known), common.mode) }
  const udpQueue = readUdpQueue(reader, common.mode)
  return { ...common, role, transports: Object.freeze(transports), udpQueue, ...readClientPart(reader, known.length) }
}

const NO_ARGUMENTS: Arguments = Object.freeze({})

function readRole(reader: SettingReader): 'client' | 'server' {
  reader.refuseBoth('client', 'server')
  if (reader.flags.switch('client') === true) return 'client'
  if (reader.flags.switch('server') === true) return 'server'
  const [client, server] = [LIST_VARIABLES.client, LIST_VARIABLES.server].map((name) => reader.variable(name))
  if (client !== undefined && server !== undefined)
    reader.fail(`${client.from} and ${server.from} cannot both be set without -client or -server`)
  return server === undefined ? 'client' : 'server'
}

const LIST_VARIABLES = { client: 'TOR_PT_CLIENT_TRANSPORTS', server: 'TOR_PT_SERVER_TRANSPORTS' } as const

/** Refuses flags of the role that this process does not have: they would be without effect, -proxy above all. */
function refuseFlagsOf(other: 'client' | 'server', reader: SettingReader): void {
  const found = (Object.keys(FLAGS) as FlagName[]).find((name) => FLAGS[name].role === other && reader.flags.has(name))
  if (found !== undefined) reader.fail(`-${found} is for a ${other} only`)
}

function readNames(reader: SettingReader, role: 'client' | 'server'): readonly string[] {
  reader.refuseBoth('transport', 'transports')
  const given = reader.flag('transport') ?? reader.either('transports', LIST_VARIABLES[role])
  if (given === undefined) return reader.fail(`No transport named: ${LIST_VARIABLES[role]}, -transports or -transport`)
  const names = given.text.split(',').map((name) => name.trim())
  for (const [index, name] of names.entries()) {
    if (!isTransportName(name)) reader.fail(`${given.from} holds "${showName(name)}", which is no transport's name`)
    if (names.indexOf(name) !== index) reader.fail(`${given.from} names "${showName(name)}" twice`)
  }
  if (given.from === '-transport' && names.length > 1)
    reader.fail('-transport takes one name; -transports takes several')
  return names
}

function readOptions(
  reader: SettingReader,
  role: 'client' | 'server',
  wanted: ReadonlySet<string>,
  { readFile }: ConfigSources,
): ReadonlyMap<string, Partial<RequestedTransport>> {
  reader.refuseBoth('options', 'optionsFile')
  const variable = role === 'server' ? reader.variable('TOR_PT_SERVER_TRANSPORT_OPTIONS') : undefined
  const given = reader.flag('options') ?? readOptionsFile(reader, readFile) ?? variable
  if (given === undefined) return new Map()
  const options = parseTransportOptions(given.text, wanted)
  if ('problem' in options) return reader.fail(`The options in ${given.from} ${options.problem}`)
  if ('byTransport' in options) {
    const taken = [...options.byTransport].map(([name, args]) => [name, { arguments: args }] as const)
    const refused = [...options.problems].map(
      ([name, problem]) => [name, { optionsProblem: `The options in ${given.from} ${problem}` }] as const,
    )
    return new Map<string, Partial<RequestedTransport>>([...taken, ...refused])
  }
  const [only, another] = wanted
  if (another !== undefined) reader.fail(`The options in ${given.from} must say for which transport each is`)
  return new Map(only === undefined ? [] : [[only, { arguments: options.forTheOne }]])
}

function readOptionsFile(reader: SettingReader, readFile: ConfigSources['readFile']): Given | undefined {
  const path = reader.flags.text('optionsFile')
  if (path === undefined) return undefined
  let text: string
  try {
    text = readFile(path, MAX_OPTIONS_LENGTH)
  } catch (error) {
    return reader.fail(`The file of -optionsFile cannot be read: ${describeRead(error)}`)
  }
  return { text: text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text, from: '-optionsFile' }
}

/** Says why a file could not be read, without its name. */
function describeRead(error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code)
  return error instanceof RangeError ? error.message : 'unreadable'
}

/** Bytes of an options file beyond which it must be another file, given by mistake. */
const MAX_OPTIONS_LENGTH = 1024 * 1024
/** What some editors begin a UTF-8 file with. */
const BYTE_ORDER_MARK = '\uFEFF'

function readCommon(reader: SettingReader): CommonConfig {
  const { flags, version } = reader
  const level = reader.oneOf('logLevel', ['ERROR', 'WARN', 'INFO', 'DEBUG'], 'ERROR')
  const mode = readMode(reader)
  return {
    version,
    stateLocation: reader.either('state', 'TOR_PT_STATE_LOCATION')?.text ?? '.',
    exitOnStdinClose: readExitOnStdinClose(reader),
    mode,
    udpIdleTimeoutMs: readUdpIdleTimeoutMs(reader, mode),
    outbound: readOutbound(reader),
    ipcLogLevel: reader.oneOf('ipcLogLevel', ['NONE', 'ERROR', 'WARN', 'INFO', 'DEBUG'], 'NONE'),
    logFileLevel: flags.switch('enableLogging') === true ? level : undefined,
    unsafeLogging: flags.switch('unsafeLogging') ?? false,
  }
}

function readExitOnStdinClose(reader: SettingReader): boolean {
  const flag = reader.flags.switch('exit-on-stdin-close') ?? reader.flags.switch('exit-on-close')
  return flag ?? reader.variable('TOR_PT_EXIT_ON_STDIN_CLOSE')?.text === '1'
}

function readMode(reader: SettingReader): ProxyMode {
  reader.refuseBoth('mode', 'transparent')
  reader.refuseBoth('mode', 'udp')
  const mode = isOn(reader.flags, 'udp') ? readUdpMode(reader.flags) : readTcpMode(reader)
  // Tor drops a child whose CMETHOD has another word than a SOCKS version.
  if (mode !== 'socks5' && reader.version.family === 1)
    reader.fail(`The proxy mode ${mode} is not for version ${reader.version.spelling}`)
  return mode
}

function readUdpMode(flags: Flags): ProxyMode {
  return isOn(flags, 'transparent') ? 'transparent-UDP' : 'STUN'
}

function readTcpMode(reader: SettingReader): ProxyMode {
  return isOn(reader.flags, 'transparent') ? 'transparent-TCP' : reader.oneOf('mode', PROXY_MODES, 'socks5')
}

function isOn(flags: Flags, name: 'transparent' | 'udp'): boolean {
  return flags.switch(name) === true
}

function readOutbound(reader: SettingReader): OutboundAddresses {
  const v4 = reader.variable(OUTBOUND_VARIABLES.v4)?.text
  const bracketed = reader.variable(OUTBOUND_VARIABLES.v6)?.text
  const v6 = bracketed === undefined ? undefined : /^\[(?<address>[^\]]*)\]$/.exec(bracketed)?.groups?.['address']
  if (v4 !== undefined && !isIPv4(v4)) reader.fail(`${OUTBOUND_VARIABLES.v4} must be an IPv4 address`)
  if (bracketed !== undefined && !isIPv6(v6 ?? ''))
    reader.fail(`${OUTBOUND_VARIABLES.v6} must be an IPv6 address in brackets`)
  return Object.freeze({ ...(v4 !== undefined && { v4 }), ...(v6 !== undefined && { v6 }) })
}

function readClientPart(
  reader: SettingReader,
  knownCount: number,
): Pick<ClientConfig, 'listen' | 'target' | 'upstreamProxy'> {
  const listen =
    reader.addressFlags(
      { whole: 'proxylistenaddr', host: 'proxylistenhost', port: 'proxylistenport' },
      { names: false, minPort: 0 },
    ) ?? DEFAULT_LISTEN
  if (listen.port !== 0 && knownCount > 1)
    reader.fail('-proxylistenaddr or -proxylistenport has one port for several transports')
  return {
    listen,
    target: reader.addressFlags(
      { whole: 'target', host: 'targethost', port: 'targetport' },
      { names: true, minPort: 1 },
    ),
    upstreamProxy: reader.either('proxy', 'TOR_PT_PROXY')?.text,
  }
}
