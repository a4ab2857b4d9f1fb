import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pluggable-transports'
import type { LogFileLevel } from 'pluggable-transports/dispatcher'

export const LOG_FILE_NAME = 'ptkit.log'

/** Bytes that may wait for a slow disk; entries beyond are dropped. */
const MAX_QUEUED_LENGTH = 1024 * 1024

const LEVELS = [
  ['error', 'ERROR'],
  ['warn', 'WARN'],
  ['info', 'INFO'],
  ['debug', 'DEBUG'],
] as const satisfies readonly (readonly [keyof Logger, LogFileLevel])[]

/**
 * Makes a Logger that appends to the log file in a directory, one JSON object a line, what is of `level` and above. A file that cannot be
 * written to is reported once, to `onError`, and the process goes on without.
 */
export function createLogFile(directory: string, level: LogFileLevel, onError: (error: Error) => void): Logger {
  const stream = createWriteStream(join(directory, LOG_FILE_NAME), { flags: 'a', mode: 0o600 })
  stream.once('error', (error) => {
    onError(error)
    stream.on('error', () => {})
  })
  const wanted = LEVELS.slice(0, LEVELS.findIndex(([, name]) => name === level) + 1)
  const members = wanted.map(([member, name]) => {
    const write = (event: string, fields: object): void => {
      if (stream.destroyed || stream.writableLength > MAX_QUEUED_LENGTH) return
      stream.write(`${JSON.stringify({ time: new Date().toISOString(), level: name, event, ...fields })}\n`)
    }
    return [member, write] as const
  })
  return Object.freeze(Object.fromEntries(members))
}
