import { PtError } from '../core/errors.ts'
import { SOCKS_REPLY } from '../wire/socks.ts'

/** The replies to failures of the system (RFC 1928 §6), by their code. */
const SYSTEM_REPLIES: Readonly<Record<string, number>> = {
  ECONNREFUSED: SOCKS_REPLY.connectionRefused,
  ENETUNREACH: SOCKS_REPLY.networkUnreachable,
  ENETDOWN: SOCKS_REPLY.networkUnreachable,
  EHOSTUNREACH: SOCKS_REPLY.hostUnreachable,
  EHOSTDOWN: SOCKS_REPLY.hostUnreachable,
  ENOTFOUND: SOCKS_REPLY.hostUnreachable,
  EAI_AGAIN: SOCKS_REPLY.hostUnreachable,
  EAI_FAIL: SOCKS_REPLY.hostUnreachable,
  EAI_NODATA: SOCKS_REPLY.hostUnreachable,
  EAI_NONAME: SOCKS_REPLY.hostUnreachable,
  ETIMEDOUT: SOCKS_REPLY.ttlExpired,
  EACCES: SOCKS_REPLY.notAllowed,
  EPERM: SOCKS_REPLY.notAllowed,
  EAFNOSUPPORT: SOCKS_REPLY.addressTypeNotSupported,
  EADDRNOTAVAIL: SOCKS_REPLY.addressTypeNotSupported,
}

/** Finds the SOCKS5 reply that fits a failure to connect: by this package's table, by the system's code, else 0x01. */
export function socksReplyFor(error: unknown): number {
  if (error instanceof PtError) return error.facts.socksReply
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (typeof code !== 'string' || !Object.hasOwn(SYSTEM_REPLIES, code)) return SOCKS_REPLY.generalFailure
  return SYSTEM_REPLIES[code]!
}
