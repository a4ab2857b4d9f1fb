/** What an error ends, its exit code in a dispatcher and its SOCKS5 reply (RFC 1928 §6). docs/errors.md holds the same table. */
export interface ErrorFacts {
  readonly ends: 'call' | 'connection' | 'listener' | 'process'
  readonly exitCode: number
  readonly socksReply: number
}

const EX_USAGE = 64
const EX_DATAERR = 65
const EX_UNAVAILABLE = 69
const EX_SOFTWARE = 70
const EX_IOERR = 74
const EX_PROTOCOL = 76
const SOCKS_GENERAL_FAILURE = 0x01
const SOCKS_TTL_EXPIRED = 0x06

const call = (exitCode: number): ErrorFacts => ({ ends: 'call', exitCode, socksReply: SOCKS_GENERAL_FAILURE })
const connection = (socksReply: number): ErrorFacts => ({ ends: 'connection', exitCode: EX_UNAVAILABLE, socksReply })
const listener = (exitCode: number): ErrorFacts => ({ ends: 'listener', exitCode, socksReply: SOCKS_GENERAL_FAILURE })
/** What ends a PT process that a host has started. */
const child = (exitCode: number): ErrorFacts => ({ ends: 'process', exitCode, socksReply: SOCKS_GENERAL_FAILURE })

/** Every code that this package's own errors carry. */
export const ERROR_FACTS = {
  PT_NAME_INVALID: call(EX_USAGE),
  PT_TRANSPORT_UNKNOWN: call(EX_USAGE),
  PT_TRANSPORT_DUPLICATE: call(EX_SOFTWARE),
  PT_OPTION_UNKNOWN: call(EX_USAGE),
  PT_OPTION_MISSING: call(EX_USAGE),
  PT_OPTION_INVALID: call(EX_USAGE),
  PT_OPTION_FORBIDDEN: call(EX_USAGE),
  PT_ADDRESS_INVALID: call(EX_USAGE),
  PT_TARGET_UNSUPPORTED: call(EX_USAGE),
  PT_BRIDGE_LINE_INVALID: call(EX_DATAERR),
  PT_URL_INVALID: call(EX_DATAERR),
  PT_LISTENER_STATE: call(EX_SOFTWARE),
  PT_ALREADY_CONNECTED: call(EX_SOFTWARE),
  PT_NOT_CONNECTED: call(EX_SOFTWARE),
  PT_PACKETS_UNSUPPORTED: call(EX_USAGE),
  PT_PACKET_TOO_LONG: call(EX_DATAERR),
  PT_PACKET_MALFORMED: call(EX_DATAERR),
  PT_PACKET_DROPPED: call(EX_UNAVAILABLE),
  PT_DIAL_TIMEOUT: connection(SOCKS_TTL_EXPIRED),
  PT_PROXY_FAILED: connection(SOCKS_GENERAL_FAILURE),
  PT_HANDSHAKE_TIMEOUT: connection(SOCKS_TTL_EXPIRED),
  PT_PIN_MISMATCH: connection(SOCKS_GENERAL_FAILURE),
  PT_HANDSHAKE_FAILED: connection(SOCKS_GENERAL_FAILURE),
  PT_REPLAY: connection(SOCKS_GENERAL_FAILURE),
  PT_TRUNCATED: connection(SOCKS_GENERAL_FAILURE),
  PT_FRAME_INVALID: connection(SOCKS_GENERAL_FAILURE),
  PT_FRAMING_INVALID: connection(SOCKS_GENERAL_FAILURE),
  PT_LINGER_TIMEOUT: connection(SOCKS_GENERAL_FAILURE),
  PT_REPLAY_FILTER_FULL: connection(SOCKS_GENERAL_FAILURE),
  PT_REPLAY_FILTER_WRITE: connection(SOCKS_GENERAL_FAILURE),
  PT_STATE_CORRUPT: listener(EX_DATAERR),
  PT_STATE_LOCKED: listener(EX_UNAVAILABLE),
  PT_STATE_UNUSABLE: listener(EX_IOERR),
  PT_WEB_UNUSABLE: listener(EX_IOERR),
  PT_HOST_EXITED: child(EX_UNAVAILABLE),
  PT_HOST_TIMEOUT: child(EX_UNAVAILABLE),
  PT_HOST_GRAMMAR: child(EX_PROTOCOL),
  PT_HOST_VERSION: child(EX_PROTOCOL),
  PT_HOST_PROXY: child(EX_UNAVAILABLE),
  PT_HOST_FAILED: child(EX_UNAVAILABLE),
  PT_HOST_ROLE: call(EX_USAGE),
} as const satisfies Record<string, ErrorFacts>

/** A literal error code. */
export type ErrorCode = keyof typeof ERROR_FACTS

/**
 * An error of this package: a literal `code` and a sentence that names the culprit.
 * It never holds a key, a secret or an address of a peer. A system failure underneath is its `cause`.
 */
export class PtError extends Error {
  override readonly name = 'PtError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }

  /** What the error ends, and its exit code and SOCKS reply. */
  get facts(): ErrorFacts {
    return ERROR_FACTS[this.code]
  }
}
