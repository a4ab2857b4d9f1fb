import { LONGEST_TIMER_MS } from '../core/limits.ts'
import { invalidOption } from '../core/options.ts'
import type { Supervision } from './launch-options.ts'
import { checkListeners } from './option-checks.ts'
import { membersOf } from './option-names.ts'

/** Limits of supervision where the caller gives none. */
export const DEFAULT_SUPERVISION = Object.freeze({
  startTimeoutMs: 30_000,
  stopTimeoutMs: 5_000,
  restartDelayMs: 1_000,
  maxRestarts: 10,
})

/** The longest delay before a restart, unless the first one is longer; and how long a child must be ready so that delays begin anew. */
export const LONGEST_RESTART_DELAY_MS = 60_000

export type ResolvedSupervision = Supervision & Required<Omit<Supervision, 'logger' | 'signal'>>

/** Fills in what is not given. Throws PT_OPTION_INVALID. */
export function resolveSupervision(given: Supervision): ResolvedSupervision {
  membersOf('supervision', given)
  const { restart = true, logger, signal } = given
  checkListeners(given)
  if (typeof restart !== 'boolean') throw invalidOption('restart', 'true or false')
  return Object.freeze({
    restart,
    startTimeoutMs: wholeNumber(given, 'startTimeoutMs', LONGEST_TIMER_MS),
    stopTimeoutMs: wholeNumber(given, 'stopTimeoutMs', LONGEST_TIMER_MS),
    restartDelayMs: wholeNumber(given, 'restartDelayMs', LONGEST_TIMER_MS),
    maxRestarts: wholeNumber(given, 'maxRestarts', Number.MAX_SAFE_INTEGER),
    ...(logger !== undefined && { logger }),
    ...(signal !== undefined && { signal }),
  })
}

function wholeNumber(given: Supervision, name: keyof typeof DEFAULT_SUPERVISION, max: number): number {
  const value: unknown = given[name] ?? DEFAULT_SUPERVISION[name]
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > max)
    throw invalidOption(name, `a whole number from 1 to ${max}`)
  return value
}
