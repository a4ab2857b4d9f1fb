import { encodeIpAddress } from './ip-address.ts'
import { MAX_CREDENTIAL_LENGTH } from './socks5.ts'

export type ProxyScheme = 'http' | 'socks4a' | 'socks5'

/** An upstream proxy, as a URI names it. */
export interface ProxyUri {
  readonly scheme: ProxyScheme
  /** An IPv4 or IPv6 address without brackets. */
  readonly host: string
  readonly port: number
  /** Bytes, since a percent-encoded URI may hold any. socks4a has an empty password. */
  readonly credentials?: { readonly username: Buffer; readonly password: Buffer }
}

/** A fault says what is wrong in words fit for a PROXY-ERROR: no part of the URI is in it. */
export type ParsedProxyUri = { readonly proxy: ProxyUri } | { readonly fault: string }

const SCHEME = /^(?<scheme>[a-z][a-z\d+.-]*):\/\/(?<rest>.*)$/isu
const AUTHORITY = /^(?:\[(?<ipv6>[^\]]*)\]|(?<ipv4>[^:]*)):(?<port>\d{1,5})$/u

/**
 * Parses TOR_PT_PROXY by hand, since tor writes user and password raw: credentials reach to the last `@`, the user to their first `:`,
 * a `%` that two hex digits do not follow is itself. The host is an IP address, the port is required, nothing comes after it.
 */
export function parseProxyUri(text: string): ParsedProxyUri {
  const { scheme, rest } = SCHEME.exec(text)?.groups ?? {}
  if (scheme === undefined || rest === undefined) return { fault: 'the proxy must be given as scheme://address:port' }
  const kind = scheme.toLowerCase()
  if (kind !== 'http' && kind !== 'socks4a' && kind !== 'socks5') {
    return { fault: 'the scheme of the proxy must be http, socks4a or socks5' }
  }
  const at = rest.lastIndexOf('@')
  const place = parseAuthority(rest.slice(at + 1))
  if ('fault' in place) return place
  if (at === -1) return { proxy: { scheme: kind, ...place } }
  const userinfo = rest.slice(0, at)
  const colon = userinfo.indexOf(':')
  const username = decodePercent(colon === -1 ? userinfo : userinfo.slice(0, colon))
  const password = decodePercent(colon === -1 ? '' : userinfo.slice(colon + 1))
  const fault = CREDENTIAL_FAULTS[kind](username, password)
  return fault === undefined ? { proxy: { scheme: kind, ...place, credentials: { username, password } } } : { fault }
}

const CREDENTIAL_FAULTS: Record<ProxyScheme, (username: Buffer, password: Buffer) => string | undefined> = {
  http: (username) =>
    username.includes(':') ? 'the user name of an http proxy must hold no colon (RFC 7617)' : undefined,
  socks4a: (username, password) => {
    if (password.length > 0) return 'a socks4a proxy takes a user name, no password'
    return username.includes(0) ? 'the user name of a socks4a proxy must hold no NUL' : undefined
  },
  socks5: (username, password) => {
    const fits = ({ length }: Buffer): boolean => length >= 1 && length <= MAX_CREDENTIAL_LENGTH
    return fits(username) && fits(password)
      ? undefined
      : 'a socks5 proxy takes a user name and a password of 1 to 255 bytes each (RFC 1929)'
  },
}

function parseAuthority(text: string): { readonly host: string; readonly port: number } | { readonly fault: string } {
  const { ipv6, ipv4, port } = AUTHORITY.exec(text)?.groups ?? {}
  const host = ipv6 ?? ipv4
  if (host === undefined || port === undefined) return { fault: 'the proxy must have an IP address and a port' }
  const isAddress = encodeIpAddress(host) !== undefined && host.includes(':') === (ipv6 !== undefined)
  if (!isAddress) return { fault: 'the host of the proxy must be an IPv4 address, or an IPv6 address in brackets' }
  if (Number(port) < 1 || Number(port) > 65_535) return { fault: 'the port of the proxy must be from 1 to 65535' }
  return { host, port: Number(port) }
}

function decodePercent(text: string): Buffer {
  const parts = text.split(/(%[\da-f]{2})/iu)
  return Buffer.concat(
    parts.map((part, index) => (index % 2 === 1 ? Buffer.of(Number.parseInt(part.slice(1), 16)) : Buffer.from(part))),
  )
}
