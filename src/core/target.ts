import { isIPv6 } from 'node:net'
import process from 'node:process'
import { PtError } from './errors.ts'
import type { DEFAULT_LIMITS } from './limits.ts'
import { closest } from './option-names.ts'
import type { Address, ListenAddress, TcpAddress } from './platform.ts'
import type { PacketOptions } from './packets.ts'
import type { ConnectOptions, Destination, ListenOptions } from './transport.ts'

const MAX_PORT = 65_535
const MAX_HOST_LENGTH = 255
const DEFAULT_HOST = 'localhost'
const FORBIDDEN_IN_HOST = /[\s\p{Cc}\p{Cf}[\]<>"'`/\\@?#]/u

/** The arguments of a ClientFactory's connect() or connectPackets(), in one form. */
export interface ConnectTarget {
  /** The caller's options, copied and frozen; host, port and path in them are as given. */
  readonly options: ConnectOptions & PacketOptions
  readonly told: Destination
  readonly listener: (() => void) | undefined
}

/** The arguments of a ServerFactory's listen(), in one form. */
export interface ListenTarget {
  /** The caller's options, copied and frozen. */
  readonly options: ListenOptions
  readonly address: ListenAddress
  readonly listener: (() => void) | undefined
}

/**
 * Normalizes what connect() takes, as net.connect() does: options, a port with or without a host, or a path, then a listener.
 * Unknown options are let through, since libraries give all of their own, and those of packets unchecked. Throws PT_ADDRESS_INVALID or PT_OPTION_INVALID.
 */
export function normalizeConnect(args: readonly unknown[]): ConnectTarget {
  const { given, listener } = normalizeArguments(args)
  checkSignal(given['signal'])
  const told = Object.freeze({ address: parseConnectAddress(given), target: parseTarget(given['target']) })
  return { options: Object.freeze(given), told, listener }
}

/**
 * Normalizes what listen() takes, as net.Server does: options, a port with or without a host, a path, or nothing, which is
 * port 0 on every address; then a listener. Unknown options are let through, but for mistyped limits: a limit that is not kept
 * would show under attack only, and packets that are not asked for are bytes. Throws PT_ADDRESS_INVALID, PT_OPTION_INVALID or PT_OPTION_UNKNOWN.
 */
export function normalizeListen(args: readonly unknown[]): ListenTarget {
  const { given, listener } = normalizeArguments(args, { port: 0 })
  refuseMistyped(given)
  checkSignal(given['signal'])
  const address = parseListenAddress(given)
  return { options: Object.freeze({ ...given, ...address }), address, listener }
}

function checkSignal(signal: unknown): void {
  if (signal === undefined) return
  // One of another realm, or a polyfill, is no instance of ours.
  const isSignal =
    typeof signal === 'object' &&
    signal !== null &&
    typeof Reflect.get(signal, 'aborted') === 'boolean' &&
    typeof Reflect.get(signal, 'addEventListener') === 'function'
  if (!isSignal) throw new PtError('PT_OPTION_INVALID', 'Option "signal" must be an AbortSignal')
}

const CHECKED_NAMES = ['maxConnections', 'maxHandshakes', 'backlog', 'packets'] as const satisfies (
  | keyof typeof DEFAULT_LIMITS
  | 'packets'
)[]

function refuseMistyped(given: Given): void {
  for (const key of Object.keys(given)) {
    const near = closest(key, CHECKED_NAMES)
    if (near !== undefined && near !== key)
      throw new PtError('PT_OPTION_UNKNOWN', `A listener has no option "${key}"; did you mean "${near}"?`)
  }
}

/** Parses a port: an integer, or its decimal digits, from `min` to 65,535. Throws PT_ADDRESS_INVALID. */
export function parsePort(port: unknown, min: 0 | 1): number {
  const number = typeof port === 'string' && /^\d{1,5}$/.test(port) ? Number(port) : port
  if (typeof number === 'number' && Number.isInteger(number) && number >= min && number <= MAX_PORT) return number
  throw invalid(`The port must be an integer from ${min} to ${MAX_PORT}`)
}

/** Parses a host: an IPv4 or IPv6 address (brackets are taken off) or a name. Throws PT_ADDRESS_INVALID. */
export function parseHost(host: unknown): string {
  if (typeof host !== 'string') throw invalid('The host must be a text')
  if (host === '') throw invalid('The host must not be empty')
  if (host.startsWith('[') || host.endsWith(']')) {
    const inner = host.slice(1, -1)
    if (host.startsWith('[') && host.endsWith(']') && isIPv6(inner)) return inner
    throw invalid('Brackets in a host must hold an IPv6 address')
  }
  if (host.length > MAX_HOST_LENGTH) throw invalid(`The host must have at most ${MAX_HOST_LENGTH} characters`)
  if (host.includes(':') && !isIPv6(host)) throw invalid('A host with a colon must be an IPv6 address, without a port')
  if (FORBIDDEN_IN_HOST.test(host)) throw invalid('The host must be a name or an address, without white space')
  return host
}

/** Longest path of a UNIX socket in bytes: sun_path without its final NUL. Windows' named pipes have a limit of their own. */
function maxPathLength(): number {
  if (process.platform === 'win32') return 256
  return process.platform === 'linux' ? 107 : 103
}

function parsePath(path: unknown): string {
  if (typeof path !== 'string' || path === '')
    throw invalid('The path of a UNIX socket must be a text that is not empty')
  if (path.includes('\0')) throw invalid('The path of a UNIX socket must not hold a NUL')
  const limit = maxPathLength()
  if (Buffer.byteLength(path) > limit) throw invalid(`The path of a UNIX socket must have at most ${limit} bytes`)
  return path
}

type Given = Record<string, unknown>

/** Sorts arguments into options and a listener. Digits alone are a port, any other text is a path, as in net. */
function normalizeArguments(
  args: readonly unknown[],
  nothing: Given = {},
): { given: Given; listener: (() => void) | undefined } {
  const last = args.findLast((argument) => argument !== undefined)
  const listener = typeof last === 'function' ? (last as () => void) : undefined
  const [first, second] = args.filter((argument) => argument !== last || listener === undefined)
  if (first === undefined || first === null) return { given: { ...nothing }, listener }
  if (typeof first === 'object') return { given: withoutNulls(first), listener }
  if (typeof first === 'string' && !/^\d+$/.test(first)) return { given: { path: first }, listener }
  return { given: second === undefined ? { port: first } : { port: first, host: second }, listener }
}

/** Copies options; null is absent, as in net: http.Agent says so for a path. */
function withoutNulls(options: object): Given {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== null))
}

function parseConnectAddress({ path, port, host }: Given): Address {
  if (path !== undefined) {
    refuseBoth(port, host)
    return Object.freeze({ path: parsePath(path) })
  }
  if (port === undefined) throw invalid('A port or a path must be given')
  return Object.freeze({ host: host === undefined ? DEFAULT_HOST : parseHost(host), port: parsePort(port, 1) })
}

/** Checks an address that a caller names, and copies it; `what` begins the error's sentence. Throws PT_ADDRESS_INVALID. */
export function parseTarget(target: unknown, what = 'target'): TcpAddress | undefined {
  if (target === undefined) return undefined
  if (typeof target !== 'object' || target === null)
    throw invalid(`The ${what} must be an object with a host and a port`)
  const { host, port } = target as Given
  return Object.freeze({ host: parseHost(host), port: parsePort(port, 1) })
}

function parseListenAddress(given: Given): ListenAddress {
  const { path, port, host, backlog } = given
  if (backlog !== undefined && (typeof backlog !== 'number' || !Number.isInteger(backlog) || backlog < 0))
    throw invalid('The backlog must be an integer that is not negative')
  const flags = (names: readonly string[]): object =>
    Object.fromEntries(names.filter((name) => given[name] !== undefined).map((name) => [name, Boolean(given[name])]))
  const queue = backlog === undefined ? {} : { backlog }
  if (path !== undefined) {
    refuseBoth(port, host)
    return Object.freeze({ path: parsePath(path), ...queue, ...flags(['readableAll', 'writableAll']) })
  }
  if (port === undefined) throw invalid('A port or a path must be given')
  const place = host === undefined ? {} : { host: parseHost(host) }
  return Object.freeze({ port: parsePort(port, 0), ...place, ...queue, ...flags(['ipv6Only', 'exclusive']) })
}

function refuseBoth(port: unknown, host: unknown): void {
  if (port !== undefined || host !== undefined) throw invalid('Either a path or a host and port can be given, not both')
}

function invalid(message: string): PtError {
  return new PtError('PT_ADDRESS_INVALID', message)
}
