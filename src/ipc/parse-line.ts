import type { TcpAddress } from '../core/platform.ts'
import { isTransportName } from '../core/name.ts'
import type { Arguments } from '../core/transport.ts'
import { parseAddress } from './address.ts'
import type { ProxyMode } from './config.ts'
import { type LogSeverity, parseLogLine, parseStatusLine } from './parse-log-line.ts'

/** What one line of a child says (PT 1.0 §3.3, PT 3.0 §1.2). */
export type ChildLine =
  | { readonly kind: 'version'; readonly version: string }
  | { readonly kind: 'failure'; readonly failure: 'env' | 'version' | 'proxy'; readonly text: string }
  | { readonly kind: 'proxy-done' }
  | {
      readonly kind: 'client-method'
      readonly transport: string
      readonly protocol: ProxyMode | 'socks4'
      readonly address: TcpAddress
    }
  | {
      readonly kind: 'server-method'
      readonly transport: string
      readonly address: TcpAddress
      readonly clientArguments: Arguments
    }
  | {
      readonly kind: 'method-failure'
      readonly role: 'client' | 'server'
      readonly transport: string
      readonly text: string
    }
  | { readonly kind: 'methods-done'; readonly role: 'client' | 'server' }
  | { readonly kind: 'log'; readonly severity: LogSeverity; readonly message: string }
  | { readonly kind: 'status'; readonly fields: Readonly<Record<string, string>> }
  /** A keyword whose rest cannot be used: `problem` completes a sentence that begins with the keyword, and repeats nothing of the line. */
  | { readonly kind: 'broken'; readonly keyword: string; readonly problem: string }
  | { readonly kind: 'unknown' }

const UNKNOWN: ChildLine = Object.freeze({ kind: 'unknown' })
const ADDRESS_RULES = { names: false, minPort: 1 } as const
const PROTOCOLS = ['socks4', 'socks5', 'transparent-TCP', 'transparent-UDP', 'STUN'] as const

/** What an application may do with each keyword's rest; keywords are whole words, so that CMETHODX is none. */
const PARSERS: Readonly<Record<string, (rest: string) => ChildLine>> = {
  VERSION: (rest) =>
    /^[\x21-\x7e]+$/.test(rest) ? { kind: 'version', version: rest } : broken('VERSION', 'names no version'),
  'VERSION-ERROR': (text) => ({ kind: 'failure', failure: 'version', text }),
  'ENV-ERROR': (text) => ({ kind: 'failure', failure: 'env', text }),
  'PROXY-ERROR': (text) => ({ kind: 'failure', failure: 'proxy', text }),
  PROXY: (rest) => (rest === 'DONE' ? { kind: 'proxy-done' } : UNKNOWN),
  CMETHOD: parseClientMethod,
  SMETHOD: parseServerMethod,
  'CMETHOD-ERROR': (rest) => parseMethodFailure('CMETHOD-ERROR', 'client', rest),
  'SMETHOD-ERROR': (rest) => parseMethodFailure('SMETHOD-ERROR', 'server', rest),
  CMETHODS: (rest) => (rest === 'DONE' ? { kind: 'methods-done', role: 'client' } : UNKNOWN),
  SMETHODS: (rest) => (rest === 'DONE' ? { kind: 'methods-done', role: 'server' } : UNKNOWN),
  LOG: (rest) => {
    const entry = parseLogLine(rest)
    return entry === undefined ? UNKNOWN : { kind: 'log', ...entry }
  },
  STATUS: (rest) => {
    const fields = parseStatusLine(rest)
    return fields === undefined ? UNKNOWN : { kind: 'status', fields }
  },
}

/**
 * Parses one line of a child, without its LF; a CR and white space at its end mean nothing. LOG and STATUS that cannot be read are `unknown`: they must end nothing. It
 * throws nothing.
 */
export function parseLine(line: string): ChildLine {
  const { keyword, rest } = /^(?<keyword>[A-Z-]+)(?:[ \t]+(?<rest>.*))?$/s.exec(line.trimEnd())?.groups ?? {}
  return keyword !== undefined && Object.hasOwn(PARSERS, keyword) ? PARSERS[keyword]!(rest ?? '') : UNKNOWN
}

function parseClientMethod(rest: string): ChildLine {
  const [transport, word, place] = wordsOf(rest)
  if (!isTransportName(transport)) return broken('CMETHOD', 'names no transport')
  const protocol = PROTOCOLS.find((known) => known === word)
  if (protocol === undefined) return broken('CMETHOD', 'has a protocol that is not known')
  const address = parseAddress(place ?? '', ADDRESS_RULES)
  if (address === undefined) return broken('CMETHOD', 'has no IP address with a port')
  return { kind: 'client-method', transport, protocol, address }
}

function parseServerMethod(rest: string): ChildLine {
  const [transport, place, ...options] = wordsOf(rest)
  if (!isTransportName(transport)) return broken('SMETHOD', 'names no transport')
  const address = parseAddress(place ?? '', ADDRESS_RULES)
  if (address === undefined) return broken('SMETHOD', 'has no IP address with a port')
  // Options of other names are for parents that know them (PT 1.0 §3.3.3).
  const text = options.find((option) => option.startsWith(ARGS))?.slice(ARGS.length)
  const clientArguments = parseMethodArguments(text ?? '')
  if (clientArguments === undefined) return broken('SMETHOD', 'has arguments that are no key=value,key=value')
  return { kind: 'server-method', transport, address, clientArguments }
}

function parseMethodFailure(keyword: string, role: 'client' | 'server', rest: string): ChildLine {
  const { transport, text } = /^(?<transport>\S+)\s*(?<text>.*)$/s.exec(rest)?.groups ?? {}
  if (!isTransportName(transport)) return broken(keyword, 'names no transport')
  return { kind: 'method-failure', role, transport, text: text! }
}

const ARGS = 'ARGS:'

/** Parses `key=value,key=value`, where a backslash stands before any character that means itself; undefined for anything else. */
function parseMethodArguments(text: string): Arguments | undefined {
  const pairs = new Map<string, string>()
  if (text === '') return Object.freeze({})
  let key: string | undefined
  let part = ''
  const finish = (): boolean => {
    if (key === undefined || key === '' || pairs.has(key)) return false
    pairs.set(key, part)
    key = undefined
    part = ''
    return true
  }
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!
    if (character === '\\') {
      if (++index === text.length) return undefined
      part += text[index]!
    } else if (character === '=' && key === undefined) {
      key = part
      part = ''
    } else if (character !== ',') part += character
    else if (!finish()) return undefined
  }
  return finish() ? Object.freeze(Object.fromEntries(pairs)) : undefined
}

function wordsOf(rest: string): readonly string[] {
  return rest.split(/[ \t]+/)
}

function broken(keyword: string, problem: string): ChildLine {
  return { kind: 'broken', keyword, problem }
}
