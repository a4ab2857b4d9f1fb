import { PtError } from '../core/errors.ts'
import { closest, showName } from '../core/option-names.ts'
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

/** Refuses an option that is none, and would be without effect: a mistyped `proxy` above all. `more` are the caller's own, `less` those that it decides itself. Throws PT_OPTION_UNKNOWN. */
export function refuseUnknownOptions(given: object, more: readonly string[], less: readonly string[] = []): void {
  const known = [...NAMES, ...more].filter((name) => !less.includes(name))
  const unknown = Reflect.ownKeys(given).find((key) => typeof key === 'symbol' || !known.includes(key))
  if (unknown === undefined) return
  const near = typeof unknown === 'symbol' ? undefined : closest(unknown, known)
  const hint = near === undefined ? '' : `; did you mean "${near}"?`
  throw new PtError('PT_OPTION_UNKNOWN', `A PT process has no option "${showName(unknown)}"${hint}`)
}
