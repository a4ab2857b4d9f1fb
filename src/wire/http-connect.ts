import type { Decoding } from './decoding.ts'
import { encodeIpAddress, IPV6_LENGTH } from './ip-address.ts'
import type { SocksDestination } from './socks.ts'

/** Longest head of a response in bytes, its empty line included. */
export const MAX_HEAD_LENGTH = 16_384
const STATUS_LINE = /^HTTP\/1\.[01] (?<status>[1-9]\d\d)(?: [^\r\n]*)?\r?\n/
const FORBIDDEN_IN_HOST = /[\s\p{Cc}/\\@?#[\]]/u

/** User name and password of the Basic scheme; the user name holds no colon. */
export interface BasicCredentials {
  readonly username: Uint8Array
  readonly password: Uint8Array
}

/** Encodes a CONNECT request (RFC 9110 §9.3.6), with Proxy-Authorization (RFC 7617) where there are credentials. Throws RangeError for a host that is none. */
export function encodeConnectRequest({ host, port }: SocksDestination, credentials?: BasicCredentials): Buffer {
  const isIpv6 = encodeIpAddress(host)?.length === IPV6_LENGTH
  if (host === '' || FORBIDDEN_IN_HOST.test(host) || (host.includes(':') && !isIpv6)) throw new RangeError('not a host')
  const authority = `${isIpv6 ? `[${host}]` : host}:${port}`
  const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`]
  if (credentials !== undefined) {
    const pair = Buffer.concat([credentials.username, Buffer.from(':'), credentials.password])
    lines.push(`Proxy-Authorization: Basic ${pair.toString('base64')}`)
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
}

/**
 * Decodes the head of the response to CONNECT to its status; bytes after it are the tunnel's, if it is 2xx. Interim responses (1xx)
 * are passed over. Malformed: no status line, or more than MAX_HEAD_LENGTH bytes.
 */
export function decodeConnectResponse(bytes: Buffer): Decoding<number> {
  let start = 0
  for (;;) {
    const head = bytes.toString('latin1', start, MAX_HEAD_LENGTH)
    const end = /\r?\n\r?\n/.exec(head)
    if (end === null) {
      if (bytes.length >= MAX_HEAD_LENGTH || !mayBeStatusLine(head)) return 'malformed'
      return 'incomplete'
    }
    const status = Number(STATUS_LINE.exec(head)?.groups?.['status'])
    if (Number.isNaN(status)) return 'malformed'
    start += end.index + end[0].length
    if (status >= 200) return { value: status, length: start }
  }
}

/** Whether the beginning of a response is one of HTTP/1: what is not is refused at once rather than at the limit. */
function mayBeStatusLine(head: string): boolean {
  const expected = 'HTTP/1.'
  return head.startsWith(expected) || expected.startsWith(head)
}
