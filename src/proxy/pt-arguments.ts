import type { Arguments } from '../core/transport.ts'
import { decodeUtf8, SOCKS_REPLY } from '../wire/socks.ts'

const UNESCAPED_PAIR = /(?<key>(?:[^\\;=]|\\.)+)=(?<value>(?:[^\\;]|\\.)*)(?<end>;|$)/suy

/**
 * Parses `k=v;k=v`, where a backslash makes any character literal and a raw `=` may stand in a value (PT 1.0 §3.5). Of a key given
 * twice the first value counts, as in goptlib. An empty text has no arguments; undefined is a text that does not parse.
 */
export function parsePairs(text: string): Arguments | undefined {
  const pairs = new Map<string, string>()
  let position = 0
  let isOpen = text !== ''
  while (isOpen) {
    UNESCAPED_PAIR.lastIndex = position
    const { key, value, end } = UNESCAPED_PAIR.exec(text)?.groups ?? {}
    if (key === undefined || value === undefined) return undefined
    position = UNESCAPED_PAIR.lastIndex
    isOpen = end === ';'
    const name = unescapeText(key)
    if (!pairs.has(name)) pairs.set(name, unescapeText(value))
  }
  return Object.freeze(Object.fromEntries(pairs))
}

/** Parses the bytes of a USERID, or of user name and password together: UTF-8 as parsePairs takes it. */
export function parsePairsBytes(bytes: Uint8Array): Arguments | undefined {
  const text = decodeUtf8(bytes)
  return text === undefined ? undefined : parsePairs(text)
}

/** Formats arguments as `k=v;k=v`, escaping `\`, `;` and `=` by a backslash (PT 1.0 §3.5). Throws RangeError for an empty name. */
export function formatPairs(args: Arguments): string {
  const pairs = Object.entries(args)
  if (pairs.some(([name]) => name === '')) throw new RangeError('an argument has an empty name')
  return pairs.map(([name, value]) => `${escapeText(name)}=${escapeText(value)}`).join(';')
}

/**
 * Parses a JSON parameter block to arguments: an object whose values are texts, numbers or truth values, each taken as text. Otherwise returns
 * the reply that the client must get: 0x12 for what is not JSON, 0x13 for JSON that holds no parameters.
 */
export function parseParameters(
  json: Uint8Array,
): Arguments | typeof SOCKS_REPLY.parametersNotJson | typeof SOCKS_REPLY.parametersInvalid {
  let value: unknown
  try {
    value = JSON.parse(decodeUtf8(json) ?? '')
  } catch {
    return SOCKS_REPLY.parametersNotJson
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return SOCKS_REPLY.parametersInvalid
  const entries = Object.entries(value).map(([name, item]: [string, unknown]) => [name, scalarText(item)] as const)
  return entries.some(([, text]) => text === undefined)
    ? SOCKS_REPLY.parametersInvalid
    : (Object.freeze(Object.fromEntries(entries)) as Arguments)
}

function scalarText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

function unescapeText(text: string): string {
  return text.replaceAll(/\\(.)/gsu, '$1')
}

function escapeText(text: string): string {
  return text.replaceAll(/[\\;=]/g, '\\$&')
}
