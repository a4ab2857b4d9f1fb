import { MAX_URL_LENGTH } from './constants.ts'

/** Where a tunnel is, as its URL says. */
export interface TunnelUrl {
  /** As it was given. */
  readonly text: string
  readonly isTls: boolean
  /** A name or an IP address, without brackets. */
  readonly host: string
  readonly port: number
  /** With the leading slash, percent-encoded: the secret. */
  readonly path: string
}

/** Parses a URL of a bridge; undefined where it is none of http or https, or would name a user. Query and fragment are not used. */
export function parseTunnelUrl(text: string): TunnelUrl | undefined {
  if (text.length > MAX_URL_LENGTH || !/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined
  const { protocol, hostname, port, pathname, username, password } = new URL(text)
  if (username !== '' || password !== '') return undefined
  const isTls = protocol === 'https:'
  const host = hostname.replace(/^\[|\]$/g, '')
  return { text, isTls, host, port: port === '' ? (isTls ? 443 : 80) : Number(port), path: pathname }
}
