import { PtError } from '../../core/errors.ts'
import type { TcpAddress } from '../../core/platform.ts'
import { parseHost, parsePort } from '../../core/target.ts'

const HOST_PORT = /^(?:\[(?<ipv6>[^\]]*)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/

/** Parses `host:port`, an IPv6 address in brackets, or checks an object of both; undefined where it is none. */
export function parseHostPort(value: string | TcpAddress): TcpAddress | undefined {
  const parts = typeof value === 'string' ? HOST_PORT.exec(value)?.groups : undefined
  const host = typeof value === 'string' ? (parts?.['ipv6'] ?? parts?.['host']) : value.host
  const port = typeof value === 'string' ? parts?.['port'] : value.port
  if (host === undefined || port === undefined) return undefined
  if (parts?.['ipv6'] !== undefined && !host.includes(':')) return undefined
  try {
    return Object.freeze({ host: parseHost(host), port: parsePort(port, 1) })
  } catch (error) {
    if (error instanceof PtError) return undefined
    throw error
  }
}
