import type { Logger } from '../core/transport.ts'
import type { LineSink } from '../ipc/line-sink.ts'
import { formatEvent } from './ipc-logger.ts'

/** What a SIP003 plugin says: lines on standard error, which its host shows to people, and events. */
export interface PluginVoice {
  /** Takes every event to the log; a warning or an error is a line besides, the first time that it comes. */
  readonly logger: Logger
  /** Writes a line. `text` is scrubbed already. */
  say(text: string): void
  /** Says where events go from now on. */
  logTo(log: Logger): void
}

/** Makes the voice of a plugin. `name` begins each line, since a host's own lines are beside it. */
export function createPluginVoice(name: string, err: LineSink): PluginVoice {
  const told = new Set<string>()
  let log: Logger = {}
  const say = (text: string): void => void err.write(`${name}: ${text.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim()}\n`)
  const sayOnce = (word: 'warning' | 'error', event: string, fields: object): void => {
    if (told.has(event)) return
    told.add(event)
    say(`${word}: ${formatEvent(event, fields)}`)
  }
  const logger: Logger = {
    debug: (event, fields) => log.debug?.(event, fields),
    info: (event, fields) => log.info?.(event, fields),
    warn: (event, fields) => {
      sayOnce('warning', event, fields)
      log.warn?.(event, fields)
    },
    error: (event, fields) => {
      sayOnce('error', event, fields)
      log.error?.(event, fields)
    },
  }
  return Object.freeze({
    logger: Object.freeze(logger),
    say,
    logTo: (to: Logger) => {
      log = to
    },
  })
}
