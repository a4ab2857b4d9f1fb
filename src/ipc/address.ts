import { isIPv4, isIPv6 } from 'node:net'
import { PtError } from '../core/errors.ts'
import type { TcpAddress } from '../core/platform.ts'
import { parseHost, parsePort } from '../core/target.ts'

export interface AddressRules {
  /** Whether the host may be a name. */
  readonly names: boolean
  /** 0 where the system may choose the port. */
  readonly minPort: 0 | 1
}

/** Parses `host:port`, an IPv6 address in brackets (PT 1.0 §3.2); undefined for anything else. */
export function parseAddress(text: string, { names, minPort }: AddressRules): TcpAddress | undefined {
  const split = /^(?<host>\[[^\]]*\]|[^:[\]]+):(?<port>\d{1,5})$/.exec(text)?.groups
  if (split === undefined) return undefined
  const host = parseIpcHost(split['host']!, names)
  const port = parseIpcPort(split['port']!, minPort)
  return host === undefined || port === undefined ? undefined : Object.freeze({ host, port })
}

/** Parses a host that stands alone: IPv4, IPv6 with or without brackets, or a name where names are allowed; undefined for anything else. */
export function parseIpcHost(text: string, names: boolean): string | undefined {
  const host = orUndefined(() => parseHost(text))
  if (host === undefined || isIPv4(host) || isIPv6(host)) return host
  // What looks like an IPv4 address and is none, e.g. 1.2.3 or 0x7f.1, would be taken for one by some resolvers.
  return names && !/^[\d.]+$/.test(host) ? host : undefined
}

/** Parses decimal digits of a port, at least `min`; undefined for anything else. */
export function parseIpcPort(text: string, min: 0 | 1): number | undefined {
  return orUndefined(() => parsePort(text, min))
}

/** Formats `host:port`, an IPv6 address in brackets. */
export function formatAddress({ host, port }: TcpAddress): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}

function orUndefined<Value>(parse: () => Value): Value | undefined {
  try {
    return parse()
  } catch (error) {
    if (error instanceof PtError) return undefined
    throw error
  }
}
