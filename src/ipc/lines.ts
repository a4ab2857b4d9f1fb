import type { TcpAddress } from '../core/platform.ts'
import type { Arguments } from '../core/transport.ts'
import { formatAddress } from './address.ts'
import type { ProxyMode } from './config.ts'
import type { IpcFailure, IpcFailureKind } from './failure.ts'
import type { IpcVersion } from './version.ts'

// PT 1.0 §3.3, PT 3.0 §1.2. Every function here makes one line without its LF; the line writer checks the grammar.

const FAILURE_KEYWORDS = {
  env: 'ENV-ERROR',
  version: 'VERSION-ERROR',
  proxy: 'PROXY-ERROR',
} as const satisfies Record<IpcFailureKind, string>

const NO_TEXT = 'unknown error'

/** Formats the line that tells the parent the version in force, as the parent spelled it. */
export function formatVersion({ spelling }: IpcVersion): string {
  return `VERSION ${spelling}`
}

/** Formats the line of a failure that ends the process. */
export function formatFailure({ kind, text }: IpcFailure): string {
  return `${FAILURE_KEYWORDS[kind]} ${oneLine(text)}`
}

/** The line that accepts the upstream proxy. */
export const PROXY_DONE = 'PROXY DONE'
export const CLIENT_METHODS_DONE = 'CMETHODS DONE'
export const SERVER_METHODS_DONE = 'SMETHODS DONE'

/** Formats the line of a client's transport that is ready: what the application speaks to it, and the address really bound. */
export function formatClientMethod(transport: string, mode: ProxyMode, bound: TcpAddress): string {
  return `CMETHOD ${transport} ${mode} ${formatAddress(bound)}`
}

/** Formats the line of a client's transport that cannot start. */
export function formatClientMethodError(transport: string, text: string): string {
  return `CMETHOD-ERROR ${transport} ${oneLine(text)}`
}

/**
 * Formats the line of a server's transport that is ready, with what clients need beside the address, in the order given.
 * Throws RangeError for an argument with white space, where tor would cut the line, or with other than printable ASCII.
 */
export function formatServerMethod(transport: string, bound: TcpAddress, args: Arguments): string {
  const line = `SMETHOD ${transport} ${formatAddress(bound)}`
  const pairs = Object.entries(args).map(([key, value]) => `${escapeArgument(key)}=${escapeArgument(value)}`)
  return pairs.length === 0 ? line : `${line} ARGS:${pairs.join(',')}`
}

/** Formats the line of a server's transport that cannot start. */
export function formatServerMethodError(transport: string, text: string): string {
  return `SMETHOD-ERROR ${transport} ${oneLine(text)}`
}

/** Formats a line for people on standard error: parents look there for keywords, and this has none. */
export function formatWarning(text: string): string {
  return `warning: ${oneLine(text)}`
}

function escapeArgument(text: string): string {
  if (!/^[\x21-\x7e]*$/.test(text)) throw new RangeError('an argument of an SMETHOD line must be in printable ASCII')
  return text.replaceAll(/[\\=,]/g, String.raw`\$&`)
}

/** Brings a text for people onto one line of ASCII: what the grammar cannot carry becomes a space or a question mark. */
function oneLine(text: string): string {
  const line = text
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .replaceAll(/[^\x20-\x7e]/gu, '?')
    .trim()
  return line === '' ? NO_TEXT : line
}
