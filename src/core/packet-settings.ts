import { PtError } from './errors.ts'
import { LONGEST_TIMER_MS } from './limits.ts'
import { closest, showName } from './option-names.ts'
import type { PacketFramingName } from './packet-framing.ts'
import type { PacketOptions } from './packets.ts'

/** Default limits of a packet connection; docs/limits.md lists them. */
export const DEFAULT_PACKET_LIMITS = Object.freeze({
  maxQueuedPackets: 64,
  maxQueuedBytes: 65_536,
  maxSendBuffer: 262_144,
  idleTimeoutMs: 0,
})

/** A server's peers of a transport with datagrams of its own end after so many ms without one: datagrams know no end. */
export const DATAGRAM_IDLE_TIMEOUT_MS = 120_000

/** The limits of one packet connection, all of them known. */
export type PacketLimits = Readonly<Record<keyof typeof DEFAULT_PACKET_LIMITS, number>>

/** What PacketOptions say once they are checked and completed. */
export interface PacketSettings {
  readonly framing: PacketFramingName | 'datagrams'
  readonly limits: PacketLimits
}

/** What the defaults depend on. */
export interface PacketDefaults {
  readonly transport: string
  /** Whether the transport has datagrams of its own. */
  readonly hasDatagrams: boolean
  readonly role: 'client' | 'server'
}

const RANGES = {
  maxQueuedPackets: [0, Number.MAX_SAFE_INTEGER],
  maxQueuedBytes: [0, Number.MAX_SAFE_INTEGER],
  maxSendBuffer: [0, Number.MAX_SAFE_INTEGER],
  idleTimeoutMs: [0, LONGEST_TIMER_MS],
} as const satisfies Record<keyof PacketLimits, readonly [number, number]>

const FRAMING_NAMES = ['length-prefix', 'stun', 'datagrams'] as const satisfies PacketOptions['framing'][]
const OPTION_NAMES = ['framing', 'maxQueuedPackets', 'maxQueuedBytes', 'maxSendBuffer', 'idleTimeoutMs'] as const

/**
 * Completes and checks the packet options among the options of connectPackets(). Others are let through, as connect() does, but for
 * mistyped ones. Throws PT_OPTION_INVALID, PT_OPTION_UNKNOWN or PT_PACKETS_UNSUPPORTED.
 */
export function resolvePacketOptions(given: PacketOptions, defaults: PacketDefaults): PacketSettings {
  for (const key of Object.keys(given)) {
    const near = closest(key, OPTION_NAMES)
    if (near !== undefined && near !== key) throw unknownOption(key, near)
  }
  const framing = given.framing ?? (defaults.hasDatagrams ? 'datagrams' : 'length-prefix')
  if (!FRAMING_NAMES.includes(framing))
    throw invalid(`Option "framing" must be one of ${FRAMING_NAMES.map((name) => `"${name}"`).join(', ')}`)
  if (framing === 'datagrams' && !defaults.hasDatagrams)
    throw new PtError('PT_PACKETS_UNSUPPORTED', `Transport ${defaults.transport} has no datagrams of its own`)
  const endsIdle = framing === 'datagrams' && defaults.role === 'server'
  const limits = Object.freeze({
    maxQueuedPackets: limitOf('maxQueuedPackets', given),
    maxQueuedBytes: limitOf('maxQueuedBytes', given),
    maxSendBuffer: limitOf('maxSendBuffer', given),
    idleTimeoutMs:
      endsIdle && given.idleTimeoutMs === undefined ? DATAGRAM_IDLE_TIMEOUT_MS : limitOf('idleTimeoutMs', given),
  })
  return Object.freeze({ framing, limits })
}

/**
 * Completes and checks the option `packets` of listen(): true stands for the defaults, and no option is unknown.
 * Throws PT_OPTION_INVALID, PT_OPTION_UNKNOWN or PT_PACKETS_UNSUPPORTED.
 */
export function resolveListenPackets(given: unknown, defaults: PacketDefaults): PacketSettings {
  if (given === true) return resolvePacketOptions({}, defaults)
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw invalid('Option "packets" must be true or an object')
  const names: readonly string[] = OPTION_NAMES
  const unknown = Object.keys(given).find((key) => !names.includes(key))
  if (unknown !== undefined) throw unknownOption(unknown, closest(unknown, OPTION_NAMES))
  return resolvePacketOptions(given, defaults)
}

function limitOf(name: keyof PacketLimits, given: PacketOptions): number {
  const value = given[name]
  if (value === undefined) return DEFAULT_PACKET_LIMITS[name]
  const [min, max] = RANGES[name]
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw invalid(`Option "${name}" must be a whole number from ${min} to ${max}`)
}

function unknownOption(key: string, near: string | undefined): PtError {
  const hint = near === undefined ? '' : `; did you mean "${near}"?`
  return new PtError('PT_OPTION_UNKNOWN', `Packets have no option "${showName(key)}"${hint}`)
}

function invalid(message: string): PtError {
  return new PtError('PT_OPTION_INVALID', message)
}
