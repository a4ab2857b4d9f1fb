import type { Arguments } from '../core/transport.ts'
import { splitOnce, splitUnescaped, unescape } from './escaped-text.ts'

/** Options by transport, of those that are wanted, names repeated merged into one; or what is wrong with the text, which is not repeated. */
export type TransportOptions =
  /** `problems` has what is wrong with the entries of single transports. */
  | { readonly byTransport: ReadonlyMap<string, Arguments>; readonly problems: ReadonlyMap<string, string> }
  /** Options without a name: they are for the one transport that was asked for. */
  | { readonly forTheOne: Arguments }
  | { readonly problem: string }

const NO_PROBLEMS: ReadonlyMap<string, string> = new Map()
const FORM = 'must have the form name:key=value;name:key=value, with ":", ";" and "\\" escaped by a "\\"'

/** Key of a flat JSON object that names its transport. */
const TRANSPORT_KEY = 'transport'

/**
 * Parses per-transport options in any of their three shapes: JSON nested per transport (PT 3.0 §1.1.3), flat JSON
 * (shapeshifter-dispatcher), or `name:k=v;name:k=v` (PT 1.0 §3.2.3). What the options mean is judged by each transport.
 */
export function parseTransportOptions(text: string, wanted: ReadonlySet<string>): TransportOptions {
  return /^\s*\{/.test(text) ? parseJsonOptions(text, wanted) : parseTextOptions(text, wanted)
}

function parseJsonOptions(text: string, wanted: ReadonlySet<string>): TransportOptions {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    // The parser's message repeats part of the text, and with it perhaps a secret.
    return { problem: 'begin with "{" and are not valid JSON' }
  }
  if (!isPlainObject(json)) return { problem: 'must be a JSON object' }
  const { [TRANSPORT_KEY]: transport, ...rest } = json
  if (typeof transport === 'string')
    return {
      byTransport: new Map(wanted.has(transport) ? [[transport, toArguments(rest)]] : []),
      problems: NO_PROBLEMS,
    }
  const entries = Object.entries(json)
  const asked = entries.filter(([name]) => wanted.has(name))
  const nested = asked.filter(hasObject)
  const isNested = nested.length > 0 || (asked.length > 0 && wanted.size > 1)
  // What stands under names that nobody asked for says nothing about the shape, once one that was asked for has its object.
  if (!isNested && !entries.every(hasObject)) return { forTheOne: toArguments(json) }
  const others = asked.filter((entry) => !hasObject(entry))
  return {
    byTransport: new Map(nested.map(([name, options]) => [name, toArguments(options)])),
    problems: new Map(others.map(([name]) => [name, 'hold something else than an object for it'])),
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function hasObject(entry: [string, unknown]): entry is [string, Record<string, unknown>] {
  return isPlainObject(entry[1])
}

/** Brings JSON values to the texts that an option's wire form has; null is absent, what has parts stays JSON. */
function toArguments(values: Readonly<Record<string, unknown>>): Arguments {
  const given = Object.entries(values).filter(([, value]) => value !== null)
  return freezeArguments(given.map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]))
}

function parseTextOptions(text: string, wanted: ReadonlySet<string>): TransportOptions {
  const byTransport = new Map<string, [key: string, value: string][]>()
  const problems = new Map<string, string>()
  for (const entry of splitUnescaped(text, ';')) {
    const [name, rest] = splitOnce(entry, ':')
    if (rest !== undefined && isStranger(unescape(name), wanted)) continue
    const [key, value] = splitOnce(rest ?? '', '=')
    const [transport, option, setting] = [name, key, value ?? ''].map(unescape)
    // An entry that has no name, or whose escapes may have torn it out of another, is nobody's.
    if (rest === undefined || !transport || option === undefined || setting === undefined) return { problem: FORM }
    const pairs = byTransport.get(transport) ?? []
    if (value === undefined || option === '') problems.set(transport, FORM)
    else if (pairs.some(([known]) => known === option)) problems.set(transport, 'give one option twice')
    else byTransport.set(transport, [...pairs, [option, setting]])
  }
  return { byTransport: new Map([...byTransport].map(([name, pairs]) => [name, freezeArguments(pairs)])), problems }
}

/** Says whether an entry is for a transport that was not asked for, so that nothing else in it matters. */
function isStranger(name: string | undefined, wanted: ReadonlySet<string>): boolean {
  return name !== undefined && name !== '' && !wanted.has(name)
}

function freezeArguments(pairs: readonly (readonly [string, string])[]): Arguments {
  return Object.freeze(Object.fromEntries(pairs))
}
