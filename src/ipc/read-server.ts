import type { TcpAddress } from '../core/platform.ts'
import { isTransportName } from '../core/name.ts'
import { showName } from '../core/option-names.ts'
import { formatAddress } from './address.ts'
import type { ApplicationServer, ProxyMode, RequestedTransport, ServerConfig } from './config.ts'
import { isPacketMode } from './read-udp.ts'
import type { SettingReader } from './setting-reader.ts'

const DEFAULT_BIND = Object.freeze({ host: '0.0.0.0', port: 0 })
const WILDCARDS = new Set(['0.0.0.0', '::'])
const BIND_RULES = { names: false, minPort: 0 } as const
const TARGET_RULES = { names: true, minPort: 1 } as const

/** Reads what only a server has: where its transports listen (PT 1.0 §3.2.3, PT 3.0 §1.1.3) and where connections are taken to. */
export function readServerPart(
  reader: SettingReader,
  transports: readonly RequestedTransport[],
  known: ReadonlySet<string>,
  mode: ProxyMode,
): Pick<ServerConfig, 'transports' | 'application'> {
  const binds = readBinds(reader, transports, known)
  refuseSharedPorts(reader, binds)
  const bound = transports.map((transport) =>
    Object.freeze({ ...transport, bind: binds.get(transport.name) ?? DEFAULT_BIND }),
  )
  return { transports: Object.freeze(bound), application: readApplication(reader, mode) }
}

function readBinds(
  reader: SettingReader,
  [first]: readonly RequestedTransport[],
  known: ReadonlySet<string>,
): ReadonlyMap<string, TcpAddress> {
  reader.refuseBoth('bindaddr', 'transport')
  reader.refuseBoth('bindaddr', 'bindhost')
  reader.refuseBoth('bindaddr', 'bindport')
  const one = reader.addressFlags({ host: 'bindhost', port: 'bindport' }, BIND_RULES)
  reader.needs('bindhost', 'transport')
  return one === undefined || first === undefined ? readBindList(reader, known) : new Map([[first.name, one]])
}

/** Reads `name-ip:port,name-ip:port`. A name has no dash, so the first one ends it; entries for others are skipped. */
function readBindList(reader: SettingReader, known: ReadonlySet<string>): ReadonlyMap<string, TcpAddress> {
  const given = reader.either('bindaddr', 'TOR_PT_SERVER_BINDADDR')
  const binds = new Map<string, TcpAddress>()
  const names = new Set<string>()
  for (const entry of given?.text.split(',') ?? []) {
    const { from } = given!
    const { name, address } = /^\s*(?<name>[^-]*)-(?<address>.*?)\s*$/.exec(entry)?.groups ?? {}
    if (!isTransportName(name) || address === undefined)
      return reader.fail(`${from} must have the form name-ip:port,name-ip:port`)
    if (names.has(name)) reader.fail(`${from} names "${showName(name)}" twice`)
    names.add(name)
    if (known.has(name))
      binds.set(name, reader.address({ text: address, from: `The address of "${name}" in ${from}` }, BIND_RULES))
  }
  return binds
}

function refuseSharedPorts(reader: SettingReader, binds: ReadonlyMap<string, TcpAddress>): void {
  const entries = [...binds].filter(([, { port }]) => port !== 0)
  for (const [index, [name, bind]] of entries.entries()) {
    const other = entries.slice(0, index).find(([, earlier]) => overlap(earlier, bind))
    if (other !== undefined)
      reader.fail(`"${showName(other[0])}" and "${showName(name)}" cannot both listen on port ${bind.port}`)
  }
}

function overlap(one: TcpAddress, other: TcpAddress): boolean {
  if (one.port !== other.port) return false
  return one.host === other.host || WILDCARDS.has(one.host) || WILDCARDS.has(other.host)
}

function readApplication(reader: SettingReader, mode: ProxyMode): ApplicationServer {
  const plain = readPlainApplication(reader)
  const extended = reader.either('extorport', 'TOR_PT_EXTENDED_SERVER_PORT')
  if (extended === undefined || (plain !== undefined && isPacketMode(mode))) {
    if (plain === undefined)
      return reader.fail('No application server: TOR_PT_ORPORT, TOR_PT_EXTENDED_SERVER_PORT, -target or -extorport')
    return Object.freeze({ kind: 'plain', address: plain })
  }
  if (isPacketMode(mode))
    reader.fail(`${extended.from} takes streams, and the proxy mode ${mode} has packets: it needs -target or -orport`)
  const address = reader.address(extended, { names: false, minPort: 1 })
  const cookie = reader.either('authcookie', 'TOR_PT_AUTH_COOKIE_FILE')
  if (cookie === undefined)
    return reader.fail(
      `No ${extended.from === '-extorport' ? '-authcookie' : 'TOR_PT_AUTH_COOKIE_FILE'} when ${extended.from} set`,
    )
  return Object.freeze({ kind: 'extended-orport', address, cookieFile: cookie.text })
}

function readPlainApplication(reader: SettingReader): TcpAddress | undefined {
  const target = reader.addressFlags({ whole: 'target', host: 'targethost', port: 'targetport' }, TARGET_RULES)
  const given = reader.flag('orport') ?? (target === undefined ? reader.variable('TOR_PT_ORPORT') : undefined)
  if (given === undefined) return target
  const orport = reader.address(given, TARGET_RULES)
  if (target !== undefined && formatAddress(target) !== formatAddress(orport)) reader.fail('-orport and -target differ')
  return orport
}
