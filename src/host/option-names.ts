import { PtError } from '../core/errors.ts'
import { closest, showName } from '../core/option-names.ts'
import { invalidOption } from '../core/options.ts'
import type { PtConfiguration, Supervision } from './launch-options.ts'

const NAMES = Object.keys({
  transports: true,
  role: true,
  stateDir: true,
  proxy: true,
  options: true,
  versions: true,
  logLevel: true,
  bind: true,
  orPort: true,
  extendedOrPort: true,
  outbound: true,
  startTimeoutMs: true,
  stopTimeoutMs: true,
  restart: true,
  restartDelayMs: true,
  maxRestarts: true,
  logger: true,
  signal: true,
} satisfies Record<keyof PtConfiguration | keyof Supervision, true>)

/**
 * Refuses an option that is none, and would be without effect: a mistyped `proxy` above all. `more` are the caller's own, `less` those that
 * it decides itself. Throws PT_OPTION_UNKNOWN, and PT_OPTION_INVALID for what is no object.
 */
export function refuseUnknownOptions(given: unknown, more: readonly string[], less: readonly string[] = []): void {
  if (!isObject(given)) throw new PtError('PT_OPTION_INVALID', 'The options of a PT process must be an object')
  const known = [...NAMES, ...more].filter((name) => !less.includes(name))
  refuseOthers(given, known, 'A PT process has no option')
}

/** Gives the members of an option that is an object; of no others than `known`, where that is given. Throws PT_OPTION_INVALID or PT_OPTION_UNKNOWN. */
export function membersOf<Name extends string = string>(
  option: string,
  value: unknown,
  known?: readonly Name[],
): Readonly<Partial<Record<Name, unknown>>> {
  if (!isObject(value)) throw invalidOption(option, 'an object')
  if (known !== undefined) refuseOthers(value, known, `Option "${option}" has no member`)
  return value as Readonly<Partial<Record<Name, unknown>>>
}

function refuseOthers(given: object, known: readonly string[], has: string): void {
  const unknown = Reflect.ownKeys(given).find((key) => typeof key === 'symbol' || !known.includes(key))
  if (unknown === undefined) return
  const near = typeof unknown === 'symbol' ? undefined : closest(unknown, known)
  const hint = near === undefined ? '' : `; did you mean "${near}"?`
  throw new PtError('PT_OPTION_UNKNOWN', `${has} "${showName(unknown)}"${hint}`)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
