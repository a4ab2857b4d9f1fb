import { createTellers } from '../core/log.ts'
import { codeOf } from '../core/traffic.ts'
import type { Logger } from '../core/transport.ts'
import type { PtExit } from './pt-process.ts'

/**
 * What a host tells of its children: each is published on the diagnostics channel `pluggable-transports:<event>` and handed to the Logger.
 * Nothing of it is the child's own words, which may hold addresses.
 */
export const HOST_EVENT_LEVELS = {
  'host:start': 'debug',
  'host:ready': 'info',
  'host:log': 'debug',
  'host:exit': 'warn',
  'host:restart': 'info',
  'host:failed': 'error',
  'host:close': 'info',
} as const satisfies Record<string, keyof Logger>

export type HostEventName = keyof typeof HOST_EVENT_LEVELS

/** Tells an event of one PT process. */
export type HostLog = (event: HostEventName, fields?: object) => void

const createTeller = createTellers(HOST_EVENT_LEVELS)

/** Makes the log of one PT process; every event has its role and the transports that it was asked for. */
export function createHostLog(
  { role, transports }: { readonly role: string; readonly transports: readonly string[] },
  logger: Logger = {},
): HostLog {
  return createTeller({ role, transports }, logger)
}

/** What is told of a failed start: its code, if it has one; a signal's reason may be anything. */
export function failureFields(failure: unknown): object {
  return failure instanceof Error ? codeOf(failure) : {}
}

/** What is told of an exit: code and signal, and the system's code where it could not be started. */
export function exitFields({ code, signal, error }: PtExit): object {
  return { code, signal, ...(error !== undefined && 'code' in error && { error: error.code }) }
}
