import { PtError } from './errors.ts'
import type { FactorySettings } from './transport.ts'

/** Default limits; docs/limits.md lists them. Times are in ms. */
export const DEFAULT_LIMITS = Object.freeze({
  dialTimeoutMs: 30_000,
  handshakeTimeoutMs: 60_000,
  lingerMs: 60_000,
  maxConnections: 65_536,
  maxHandshakes: 4_096,
  backlog: 511,
})

/** Longest handshake of a server whose protocol sets no end itself, in ms; above every deadline that a protocol keeps. */
export const SERVER_HANDSHAKE_TIMEOUT_MS = 120_000

/** The longest time that a setting may give, in ms. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

/** The limits of one factory's connections. */
export interface ConnectionLimits {
  readonly dialTimeoutMs: number
  readonly handshakeTimeoutMs: number
  readonly lingerMs: number
  readonly unsafeLogging: boolean
}

/** Fills in the defaults and checks what was given. Throws PT_OPTION_INVALID naming the setting. */
export function resolveLimits(settings: FactorySettings): ConnectionLimits {
  return Object.freeze({
    dialTimeoutMs: wholeNumber('dialTimeoutMs', settings.dialTimeoutMs, 1, LONGEST_TIMER_MS),
    handshakeTimeoutMs: wholeNumber('handshakeTimeoutMs', settings.handshakeTimeoutMs, 1, LONGEST_TIMER_MS),
    lingerMs: wholeNumber('lingerMs', settings.lingerMs, 1, LONGEST_TIMER_MS),
    unsafeLogging: settings.unsafeLogging ?? false,
  })
}

/** Returns the setting, or its default when absent. Throws PT_OPTION_INVALID unless it is a whole number in the range. */
export function wholeNumber(
  name: keyof typeof DEFAULT_LIMITS,
  value: number | undefined,
  min: number,
  max: number,
): number {
  if (value === undefined) return DEFAULT_LIMITS[name]
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new PtError('PT_OPTION_INVALID', `Setting "${name}" must be a whole number from ${min} to ${max}`)
}
