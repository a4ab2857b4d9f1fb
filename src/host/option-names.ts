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
  const unknown = findOther(given, known)
  if (unknown !== undefined) throw new PtError('PT_OPTION_UNKNOWN', `A PT process has no option ${unknown}`)
}

/** Gives the members of an option that is an object; of no others than `known`, where that is given. Throws PT_OPTION_INVALID or PT_OPTION_UNKNOWN. */
export function membersOf<Name extends string = string>(
  option: string,
  value: unknown,
  known?: readonly Name[],
): Readonly<Partial<Record<Name, unknown>>> {
  if (!isObject(value)) throw invalidOption(option, 'an object')
  const unknown = known && findOther(value, known)
  if (unknown !== undefined) throw new PtError('PT_OPTION_UNKNOWN', `Option "${option}" has no member ${unknown}`)
  return value as Readonly<Partial<Record<Name, unknown>>>
}

/** Finds a name that is none of `known`: as it is shown, with the one that may have been meant. */
function findOther(given: object, known: readonly string[]): string | undefined {
  const unknown = Reflect.ownKeys(given).find((key) => typeof key === 'symbol' || !known.includes(key))
  if (unknown === undefined) return undefined
  const near = typeof unknown === 'symbol' ? undefined : closest(unknown, known)
  return `"${showName(unknown)}"${near === undefined ? '' : `; did you mean "${near}"?`}`
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
