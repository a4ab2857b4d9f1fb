import { isIP, isIPv4, isIPv6 } from 'node:net'
import { resolve } from 'node:path'
import { isTransportName } from '../core/name.ts'
import { showName } from '../core/option-names.ts'
import { invalidOption } from '../core/options.ts'
import type { TcpAddress } from '../core/platform.ts'
import type { Arguments } from '../core/transport.ts'
import { formatAddress, parseAddress } from '../ipc/address.ts'
import { negotiateVersion } from '../ipc/version.ts'
import { parseProxyUri } from '../wire/proxy-uri.ts'
import type { PtConfiguration } from './launch-options.ts'
import { membersOf } from './option-names.ts'

/** What is offered unless the caller says otherwise: what tor speaks, the last 2.x in wide use, and the draft's. */
export const DEFAULT_VERSIONS: readonly string[] = Object.freeze(['1', '2.1', '3.0'])

/** Where a server's transport listens for which the caller names no address: tor and programs in the field want one for each. */
const DEFAULT_BIND: TcpAddress = Object.freeze({ host: '0.0.0.0', port: 0 })

/**
 * Puts a configuration into the variables of the environment that every version reads (PT 1.0 §3.2). A closed standard input always means exit: nothing may outlive us. The
 * state directory becomes absolute. Throws PT_OPTION_INVALID, which names the culprit, or PT_OPTION_UNKNOWN for a member that is none.
 */
export function toVariables(configuration: PtConfiguration): Readonly<Record<string, string>> {
  membersOf('configuration', configuration)
  const { role, stateDir, outbound, versions = DEFAULT_VERSIONS } = configuration
  if (role !== 'client' && role !== 'server') throw invalidOption('role', '"client" or "server"')
  const names = listOfNames(configuration.transports)
  const variables = {
    TOR_PT_MANAGED_TRANSPORT_VER: listOfVersions(versions),
    TOR_PT_STATE_LOCATION: resolve(printable('stateDir', stateDir)),
    TOR_PT_EXIT_ON_STDIN_CLOSE: '1',
    ...(role === 'client' ? clientVariables(configuration, names) : serverVariables(configuration, names)),
  }
  return Object.freeze({ ...variables, ...(outbound !== undefined && outboundVariables(outbound)) })
}

function outboundVariables(outbound: unknown): Record<string, string> {
  const { v4, v6 } = membersOf('outbound', outbound, ['v4', 'v6'])
  if (v4 !== undefined && !(typeof v4 === 'string' && isIPv4(v4))) throw invalidOption('outbound.v4', 'an IPv4 address')
  if (v6 !== undefined && !(typeof v6 === 'string' && isIPv6(v6) && !v6.includes('%')))
    throw invalidOption('outbound.v6', 'an IPv6 address without brackets')
  return {
    ...(v4 !== undefined && { TOR_PT_OUTBOUND_BIND_ADDRESS_V4: v4 }),
    ...(v6 !== undefined && { TOR_PT_OUTBOUND_BIND_ADDRESS_V6: `[${v6}]` }),
  }
}

const LOG_LEVELS: ReadonlySet<unknown> = new Set(['NONE', 'ERROR', 'WARN', 'INFO', 'DEBUG'])
/** Versions that have the flag -ipcLogLevel. */
const FLAG_VERSIONS: ReadonlySet<unknown> = new Set(['2.2', '3.0'])

/** Puts the rest of a configuration into flags: the level of LOG lines, which no variable carries (PT 3.0 §1.1.1). Throws PT_OPTION_INVALID. */
export function toFlags({ logLevel, versions = DEFAULT_VERSIONS }: PtConfiguration): readonly string[] {
  if (logLevel === undefined) return []
  if (!LOG_LEVELS.has(logLevel)) throw invalidOption('logLevel', 'NONE, ERROR, WARN, INFO or DEBUG')
  // Without effect on the versions before; and a program that speaks those alone may well take no flags.
  if (!versions.some((version) => FLAG_VERSIONS.has(negotiateVersion(version)?.number)))
    throw invalidOption('logLevel', 'absent unless 2.2 or 3.0 is among the versions')
  return Object.freeze(['-ipcLogLevel', logLevel])
}

function clientVariables(configuration: PtConfiguration, names: readonly string[]): Record<string, string> {
  for (const name of ['options', 'bind', 'orPort', 'extendedOrPort'] as const)
    if (configuration[name] !== undefined) throw invalidOption(name, 'absent where the role is client')
  const { proxy } = configuration
  if (proxy === undefined) return { TOR_PT_CLIENT_TRANSPORTS: names.join(',') }
  const parsed = parseProxyUri(printable('proxy', proxy))
  if ('fault' in parsed) throw invalidOption('proxy', `an upstream proxy: ${parsed.fault}`)
  return { TOR_PT_CLIENT_TRANSPORTS: names.join(','), TOR_PT_PROXY: proxy }
}

function serverVariables(configuration: PtConfiguration, names: readonly string[]): Record<string, string> {
  const { proxy, orPort, extendedOrPort } = configuration
  if (proxy !== undefined) throw invalidOption('proxy', 'absent where the role is server')
  if (orPort === undefined && extendedOrPort === undefined)
    throw invalidOption('orPort', 'there, or extendedOrPort, where the role is server')
  const options = formatOptions(forTransports('options', configuration.options, names))
  return {
    TOR_PT_SERVER_TRANSPORTS: names.join(','),
    TOR_PT_SERVER_BINDADDR: formatBinds(forTransports('bind', configuration.bind, names), names),
    ...(options !== '' && { TOR_PT_SERVER_TRANSPORT_OPTIONS: options }),
    ...(orPort !== undefined && { TOR_PT_ORPORT: addressText('orPort', orPort, 1) }),
    // Empty where there is none (PT 1.0 §3.2.3).
    TOR_PT_EXTENDED_SERVER_PORT: '',
    ...(extendedOrPort !== undefined && extendedVariables(extendedOrPort)),
  }
}

function extendedVariables(extendedOrPort: unknown): Record<string, string> {
  const { address, cookieFile } = membersOf('extendedOrPort', extendedOrPort, ['address', 'cookieFile'])
  return {
    TOR_PT_EXTENDED_SERVER_PORT: addressText('extendedOrPort.address', address, 1),
    TOR_PT_AUTH_COOKIE_FILE: resolve(printable('extendedOrPort.cookieFile', cookieFile)),
  }
}

function listOfNames(names: unknown): readonly string[] {
  const isList = Array.isArray(names) && names.length > 0 && names.every((name) => isTransportName(name))
  if (!isList || new Set(names).size < names.length)
    throw invalidOption('transports', "a list of transports' names, each once, at least one")
  return names
}

function listOfVersions(versions: readonly string[]): string {
  const isKnown = (version: unknown): boolean => typeof version === 'string' && negotiateVersion(version) !== undefined
  const isList = Array.isArray(versions) && versions.length > 0
  if (!isList || !versions.every((version) => isKnown(version) && !/[\s,]/.test(version)))
    throw invalidOption('versions', 'a list of versions of the IPC: 1, 2.1, 3.0 and the like')
  return versions.join(',')
}

/** Refuses settings for a transport that is not asked for: they would be without effect. */
function forTransports<Value>(
  option: string,
  byTransport: Readonly<Record<string, Value>> = {},
  names: readonly string[],
): readonly (readonly [name: string, value: Value])[] {
  const entries = Object.entries<Value>(membersOf(option, byTransport) as typeof byTransport)
  if (!entries.every(([name]) => names.includes(name)))
    throw invalidOption(option, 'for transports that are asked for alone')
  return entries
}

function formatBinds(entries: readonly (readonly [string, TcpAddress])[], names: readonly string[]): string {
  const binds = new Map(entries)
  const addressOf = (name: string): TcpAddress => (binds.has(name) ? binds.get(name)! : DEFAULT_BIND)
  return names.map((name) => `${name}-${addressText(`bind.${name}`, addressOf(name), 0)}`).join(',')
}

function formatOptions(entries: readonly (readonly [string, Arguments])[]): string {
  return entries
    .flatMap(([name, options]) =>
      Object.entries(membersOf(`options.${name}`, options)).map(([key, value]) => formatOption(name, key, value)),
    )
    .join(';')
}

function formatOption(name: string, key: string, value: unknown): string {
  const option = `options.${name}`
  if (key === '') throw invalidOption(option, 'named: one has an empty name')
  const text = value === '' ? '' : printable(`${option}.${showName(key)}`, value)
  return `${name}:${escapeOption(printable(option, key))}=${escapeOption(text)}`
}

/** Escapes what parents and 1.0 escape, and the "=" of 2.1: every child takes a backslash away from before any character (PT 1.0 §3.2.3). */
function escapeOption(text: string): string {
  return text.replaceAll(/[\\:;=]/g, String.raw`\$&`)
}

function addressText(option: string, address: unknown, minPort: 0 | 1): string {
  const { host, port } = membersOf(option, address, ['host', 'port'])
  // Brackets are of the text alone.
  const text =
    typeof host === 'string' && isIP(host) !== 0 && typeof port === 'number' ? formatAddress({ host, port }) : ''
  if (parseAddress(text, { names: false, minPort }) === undefined)
    throw invalidOption(option, `an IP address and a port from ${minPort} to 65535`)
  return text
}

/** Refuses what no variable can carry (NUL), and what children and people would read as several lines. */
function printable(option: string, text: unknown): string {
  if (typeof text !== 'string' || text === '' || /\p{Cc}/u.test(text))
    throw invalidOption(option, 'a text without control characters')
  return text
}
