/** The first byte of every message of the versions. */
export const SOCKS4_VERSION = 4
export const SOCKS5_VERSION = 5

/** The one command that pluggable transports use. */
export const CONNECT = 1

/** The reply codes of SOCKS5 (RFC 1928 §6), and those of the JSON parameter block (PT 3.0 §3.2). */
export const SOCKS_REPLY = {
  succeeded: 0x00,
  generalFailure: 0x01,
  notAllowed: 0x02,
  networkUnreachable: 0x03,
  hostUnreachable: 0x04,
  connectionRefused: 0x05,
  ttlExpired: 0x06,
  commandNotSupported: 0x07,
  addressTypeNotSupported: 0x08,
  parametersTooLarge: 0x10,
  parametersTimeout: 0x11,
  parametersNotJson: 0x12,
  parametersInvalid: 0x13,
} as const

/** Where a SOCKS client wants to go: a name is as it came, nothing is looked up. */
export interface SocksDestination {
  readonly host: string
  readonly port: number
}

/** Decodes a host name of a request: UTF-8 without control characters; undefined when it is none. */
export function decodeHostName(bytes: Uint8Array): string | undefined {
  const text = decodeUtf8(bytes)
  return text === undefined || text === '' || /\p{Cc}/u.test(text) ? undefined : text
}

/** Decodes UTF-8, a byte order mark included; undefined when it is not valid. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
