import type { IpcLogLevel, LogFileLevel } from './config.ts'
import type { IpcVersion } from './version.ts'

/** From the least said to the most. */
const LEVELS = ['NONE', 'ERROR', 'WARN', 'INFO', 'DEBUG'] as const satisfies readonly IpcLogLevel[]

/** Severities of PT 1.0 §3.3.4; `notice` has no level of ours. */
const SEVERITIES = { ERROR: 'error', WARN: 'warning', INFO: 'info', DEBUG: 'debug' } as const satisfies Record<
  LogFileLevel,
  string
>

/**
 * Formats a LOG line: quoted in family 1 (PT 1.0 §3.3.4), plain in 2.2 and 3.0 (PT 3.0 §1.2.4).
 * Undefined where the version has none, or the level is below the one asked for.
 */
export function formatLog(
  { family, number }: IpcVersion,
  asked: IpcLogLevel,
  level: LogFileLevel,
  text: string,
): string | undefined {
  if (LEVELS.indexOf(level) > LEVELS.indexOf(asked)) return undefined
  if (family === 1) return `LOG SEVERITY=${SEVERITIES[level]} MESSAGE=${quote(text)}`
  if (number === '2.0' || number === '2.1') return undefined
  return `LOG ${level} ${text.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim()}`
}

/** Formats a STATUS line (PT 1.0 §3.3.5); undefined outside family 1. Throws RangeError without a field or for a key that is no word. */
export function formatStatus(
  { family }: IpcVersion,
  transport: string,
  fields: Readonly<Record<string, string>>,
): string | undefined {
  if (family !== 1) return undefined
  const pairs = Object.entries(fields)
  if (pairs.length === 0 || !pairs.every(([key]) => /^\w+$/.test(key)))
    throw new RangeError('a STATUS line must have at least one field, and words as keys')
  return ['STATUS', `TRANSPORT=${transport}`, ...pairs.map(([key, value]) => `${key}=${quote(value)}`)].join(' ')
}

/** Formats the STATUS line that names this program to the parent; undefined outside family 1. */
export function formatStatusVersion({ family }: IpcVersion, name: string, version: string): string | undefined {
  return family === 1 ? `STATUS TYPE=version IMPLEMENTATION=${quote(name)} VERSION=${quote(version)}` : undefined
}

/**
 * Quotes a text as a CString of tor's control protocol, with the escapes that every parent can read: never octal.
 * What has no such escape is left out or, beyond ASCII, becomes a question mark.
 */
function quote(text: string): string {
  const escaped = text
    .replaceAll(/[\\"]/g, String.raw`\$&`)
    .replaceAll('\n', String.raw`\n`)
    .replaceAll('\r', String.raw`\r`)
    .replaceAll('\t', String.raw`\t`)
    .replaceAll(/\p{Cc}/gu, '')
    .replaceAll(/[^\x20-\x7e]/gu, '?')
  return `"${escaped}"`
}
