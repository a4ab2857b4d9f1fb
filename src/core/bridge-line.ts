import { isIPv4, isIPv6 } from 'node:net'
import { losesPunctuation, splitPastedLine } from './bridge-line-text.ts'
import { PtError } from './errors.ts'
import { isTransportName, parseTransportName } from './name.ts'
import { showName } from './option-names.ts'
import type { BoundAddress, TcpAddress } from './platform.ts'
import { parseHost, parsePort } from './target.ts'
import type { Arguments } from './transport.ts'

/** Longest text that is looked at, in UTF-16 code units; and longest line that is printed. */
const MAX_BRIDGE_LINE_LENGTH = 8192

/** What a client needs to reach a bridge: `Bridge obfs4 192.0.2.1:443 FINGERPRINT key=value …`. */
export interface BridgeLine {
  /** The PT name. */
  readonly transport: string
  /** An IPv4 address, an IPv6 address without brackets, or a name. */
  readonly host: string
  readonly port: number
  /** The relay's identity fingerprint: 40 hexadecimal digits, upper-case when parsed. */
  readonly fingerprint?: string
  readonly arguments: Arguments
}

/** The part of a Listener that a bridge line is made of. */
export interface BridgeListener {
  readonly transport: string
  readonly clientArguments: Arguments
  /** What stands for the bound address. */
  readonly publicAddress?: TcpAddress | undefined
  address(): BoundAddress | null
}

/** What of a listener's bridge line is known better than by the listener: its address outside, its relay. */
export interface BridgeLineOverrides {
  readonly host?: string
  readonly port?: number
  readonly fingerprint?: string
}

const FINGERPRINT_LENGTH = 40
const HEX = /^[0-9A-Fa-f]+$/
const PRINTABLE = /^[\x21-\x7e]*$/
const KEY = /^[A-Za-z_][\w.-]*$/
const ARGUMENT = /^(?<key>[A-Za-z_][\w.-]*)=(?<value>.*)$/

/**
 * Parses a bridge line as people paste it: with or without "Bridge" and fingerprint, in quotes, wrapped by a mail program, with invisible
 * characters. Throws PT_BRIDGE_LINE_INVALID with what is wrong, and never the text itself.
 */
export function parseBridgeLine(text: string): BridgeLine {
  if (typeof text !== 'string') throw invalid('A bridge line must be a text')
  if (text.length > MAX_BRIDGE_LINE_LENGTH)
    throw invalid(`A bridge line must have at most ${MAX_BRIDGE_LINE_LENGTH} characters`)
  const words = splitPastedLine(text)
  if (!words.every((word) => PRINTABLE.test(word)))
    throw invalid('The bridge line holds a character that none can have')
  if (/^bridge:?$/i.test(words[0] ?? '')) words.shift()
  const transport = takeTransport(words)
  const { host, port } = takeAddress(words)
  const fingerprint = takeFingerprint(words)
  const line = { transport, host, port, ...(fingerprint !== undefined && { fingerprint }) }
  return Object.freeze({ ...line, arguments: parseArguments(words) })
}

/**
 * Formats a bridge line, or the one of a listener, on one line with single spaces. A listener on every address, or on a UNIX
 * socket, needs the host (and port) by which it is reached. Throws PT_NAME_INVALID, PT_ADDRESS_INVALID, PT_LISTENER_STATE when the
 * listener is not listening, or PT_BRIDGE_LINE_INVALID for what could not be read back.
 */
export function formatBridgeLine(source: BridgeLine | BridgeListener, overrides: BridgeLineOverrides = {}): string {
  const line = 'clientArguments' in source ? describeListener(source, overrides) : { ...source, ...overrides }
  const host = parseHost(line.host)
  if (!PRINTABLE.test(host)) throw new PtError('PT_ADDRESS_INVALID', 'The host of a bridge line must be in ASCII')
  const words = [parseTransportName(line.transport), `${isIPv6(host) ? `[${host}]` : host}:${parsePort(line.port, 1)}`]
  if (line.fingerprint !== undefined) words.push(formatFingerprint(line.fingerprint))
  for (const [key, value] of Object.entries(line.arguments)) words.push(formatArgument(key, value))
  const text = `Bridge ${words.join(' ')}`
  if (text.length > MAX_BRIDGE_LINE_LENGTH) throw invalid('The bridge line would be too long')
  return text
}

function takeTransport(words: string[]): string {
  const word = words.shift()
  if (word === undefined) throw invalid('The bridge line is empty')
  if (isTransportName(word)) return word
  throw invalid(
    looksLikeAddress(word)
      ? 'The bridge line names no transport before its address'
      : 'The bridge line must begin with the name of a transport',
  )
}

function looksLikeAddress(word: string): boolean {
  return /:\d+$/.test(word)
}

function takeAddress(words: string[]): { host: string; port: number } {
  refusePlaceholder(words[0] ?? '')
  let word = takeHost(words)
  if (word === undefined) throw invalid('The bridge line has no address')
  // A break within the port cannot be told: its rest may be the fingerprint's first digits.
  if (word.endsWith(':') !== (words[0]?.startsWith(':') === true) && /^:?\d+$/.test(words[0] ?? ''))
    word += words.shift()!
  const split = /^(?<host>\[[^\]]*\]|[^:]+):(?<port>\d+)$/.exec(word)?.groups
  if (split === undefined)
    throw invalid('The address in the bridge line must be host:port, an IPv6 address in brackets')
  try {
    return { host: parseHost(split['host']), port: parsePort(split['port'], 1) }
  } catch (error) {
    if (error instanceof PtError) throw invalid(`The address in the bridge line will not do: ${error.message}`)
    throw error
  }
}

/**
 * Takes the first word and what a line break took from its host, with the port where that is not broken off. Within brackets everything
 * belongs together; an IPv4 address is only broken beside its dots, since digits alone may be a list's. In a name no break can be told.
 */
function takeHost(words: string[]): string | undefined {
  const word = words.shift()
  if (word?.startsWith('[') === true)
    return joinWhile(word, words, (host) => !host.includes(']'), /^[\da-fA-F:.]*\]?[:\d]*$/)
  if (word === undefined || !/^[\d.]+$/.test(word)) return word
  const rest = [...words]
  const joined = joinWhile(word, rest, (host, next) => host.endsWith('.') !== next.startsWith('.'), /^[\d.]+:?\d*$/)
  if (!isIPv4(joined.replace(/:\d*$/, ''))) return word
  words.splice(0, words.length - rest.length)
  return joined
}

/** Joins words onto the first for as long as they are of the form and wanted. */
function joinWhile(
  first: string,
  words: string[],
  wanted: (joined: string, next: string) => boolean,
  form: RegExp,
): string {
  let joined = first
  while (words[0] !== undefined && wanted(joined, words[0]) && form.test(words[0])) joined += words.shift()!
  return joined
}

/** Tells the line of obfs4_bridgeline.txt, which has places like `<FINGERPRINT>` to be filled in. */
function refusePlaceholder(word: string): void {
  if (word.startsWith('<'))
    throw invalid(
      'The bridge line has a place like <IP ADDRESS>, <PORT> or <FINGERPRINT> that is to be filled in first',
    )
}

/** Takes the fingerprint, if there is one, from one word or from groups of digits, as it is shown and wrapped. */
function takeFingerprint(words: string[]): string | undefined {
  const first = words[0]
  if (first === undefined || first.includes('=')) return undefined
  refusePlaceholder(first)
  let digits = words.shift()!.replace(/^\$/, '')
  while (digits.length < FINGERPRINT_LENGTH && HEX.test(digits) && HEX.test(words[0] ?? '')) digits += words.shift()!
  if (digits.length === FINGERPRINT_LENGTH && HEX.test(digits)) return digits.toUpperCase()
  throw invalid(`The fingerprint in the bridge line must be ${FINGERPRINT_LENGTH} hexadecimal digits`)
}

/** From this length on, Base64 that goes on after a space is one value that was wrapped: no word of a message is so long. */
const MIN_WRAPPED_LENGTH = 33
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/
const BASE64_END = /^[A-Za-z0-9+/]*==$/

function parseArguments(words: readonly string[]): Arguments {
  const args: [key: string, value: string][] = []
  for (const word of words) {
    const last = args.at(-1)
    const joined = last === undefined ? undefined : `${last[1]}${word}`
    if (last !== undefined && joined !== undefined && continuesValue(word, joined)) {
      last[1] = joined
      continue
    }
    const { key, value } = ARGUMENT.exec(word)?.groups ?? {}
    if (key === undefined || value === undefined)
      throw invalid('After address and fingerprint, a bridge line must have arguments of the form key=value only')
    if (args.some(([known]) => known === key))
      throw invalid(`The bridge line has the argument "${showName(key)}" twice`)
    args.push([key, value])
  }
  return Object.freeze(Object.fromEntries(args))
}

/** Says whether a word is the rest of a wrapped Base64 value, such as a cert, and not an argument of its own. */
function continuesValue(word: string, joined: string): boolean {
  if (word.includes('=') && !BASE64_END.test(word)) return false
  return joined.length >= MIN_WRAPPED_LENGTH && BASE64.test(joined)
}

function formatFingerprint(fingerprint: string): string {
  if (fingerprint.length === FINGERPRINT_LENGTH && HEX.test(fingerprint)) return fingerprint.toUpperCase()
  throw invalid(`The fingerprint of a bridge line must be ${FINGERPRINT_LENGTH} hexadecimal digits`)
}

function formatArgument(key: string, value: string): string {
  if (!KEY.test(key)) throw invalid('The name of an argument must be letters, digits, "_", "." and "-"')
  const word = `${key}=${value}`
  if (typeof value !== 'string' || !PRINTABLE.test(value) || value === '=' || losesPunctuation(word))
    throw invalid(`The argument "${showName(key)}" has a value that a bridge line cannot carry`)
  return word
}

const WILDCARDS = new Set(['0.0.0.0', '::', '::ffff:0.0.0.0'])

function describeListener(listener: BridgeListener, overrides: BridgeLineOverrides): BridgeLine {
  const bound = listener.address()
  if (bound === null) throw new PtError('PT_LISTENER_STATE', 'The listener has no bridge line before it is listening')
  const seen = typeof bound === 'string' || WILDCARDS.has(bound.address) ? undefined : bound.address
  const { publicAddress } = listener
  const host = overrides.host ?? publicAddress?.host ?? seen
  const port = overrides.port ?? publicAddress?.port ?? (typeof bound === 'string' ? undefined : bound.port)
  if (host === undefined || port === undefined)
    throw new PtError(
      'PT_ADDRESS_INVALID',
      typeof bound === 'string'
        ? 'A host and port must be given for the bridge line of a listener on a UNIX socket'
        : 'A host must be given for the bridge line of a listener on every address',
    )
  const { transport, clientArguments } = listener
  return { transport, host, port, arguments: clientArguments, ...pickFingerprint(overrides) }
}

function pickFingerprint({ fingerprint }: BridgeLineOverrides): Pick<BridgeLineOverrides, 'fingerprint'> {
  return fingerprint === undefined ? {} : { fingerprint }
}

function invalid(message: string): PtError {
  return new PtError('PT_BRIDGE_LINE_INVALID', message)
}
