import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { pino, stdTimeFunctions } from 'pino'
import type { Logger } from 'pluggable-transports'
import type { LogFileLevel } from 'pluggable-transports/dispatcher'

export const LOG_FILE_NAME = 'ptkit.log'

/** Bytes that may wait for a slow disk; entries beyond are dropped. */
const MAX_QUEUED_LENGTH = 1024 * 1024

const PINO_LEVELS = { ERROR: 'error', WARN: 'warn', INFO: 'info', DEBUG: 'debug' } as const satisfies Record<
  LogFileLevel,
  keyof Logger
>

/**
 * Makes a Logger that appends to the log file in a directory, one JSON object a line, what is of `level` and above. A file that cannot be
 * written to is reported once, to `onError`, and the process goes on without.
 */
export function createLogFile(directory: string, level: LogFileLevel, onError: (error: Error) => void): Logger {
  const file = createWriteStream(join(directory, LOG_FILE_NAME), { flags: 'a', mode: 0o600 })
  file.once('error', (error) => {
    onError(error)
    file.on('error', () => {})
  })
  const sink = {
    write(line: string): void {
      if (!file.destroyed && file.writableLength <= MAX_QUEUED_LENGTH) file.write(line)
    },
  }
  const formatters = { level: (label: string) => ({ level: label.toUpperCase() }) }
  const timestamp = stdTimeFunctions.isoTime
  const log = pino({ base: null, formatters, level: PINO_LEVELS[level], messageKey: 'event', timestamp }, sink)
  return Object.freeze({
    error: (event: string, fields: object) => log.error(fields, event),
    warn: (event: string, fields: object) => log.warn(fields, event),
    info: (event: string, fields: object) => log.info(fields, event),
    debug: (event: string, fields: object) => log.debug(fields, event),
  })
}
