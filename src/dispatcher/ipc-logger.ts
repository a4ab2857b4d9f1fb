import type { Logger } from '../core/transport.ts'
import type { IpcLogLevel, LogFileLevel } from '../ipc/config.ts'
import type { LineWriter } from '../ipc/line-writer.ts'

const LEVELS = [
  ['error', 'ERROR'],
  ['warn', 'WARN'],
  ['info', 'INFO'],
  ['debug', 'DEBUG'],
] as const satisfies readonly (readonly [keyof Logger, LogFileLevel])[]

/**
 * Makes a Logger that passes every event on to `logger`, and to the parent as LOG lines those of the level that it asked for. A member
 * that nobody would hear is left out, so that its events cost nothing.
 */
export function createIpcLogger(lines: LineWriter, asked: IpcLogLevel, logger: Logger = {}): Logger {
  const askedIndex = LEVELS.findIndex(([, level]) => level === asked)
  const members = LEVELS.flatMap(([name, level], index) => {
    const inner = logger[name]
    if (index > askedIndex) return inner === undefined ? [] : [[name, inner.bind(logger)] as const]
    const tell = (event: string, fields: object): void => {
      inner?.call(logger, event, fields)
      lines.log(level, formatEvent(event, fields))
    }
    return [[name, tell] as const]
  })
  return Object.freeze(Object.fromEntries(members))
}

/** Makes a Logger that adds the transport's name to every event. */
export function nameTransport(logger: Logger, transport: string): Logger {
  const members = LEVELS.flatMap(([name]) => {
    const inner = logger[name]
    if (inner === undefined) return []
    return [[name, (event: string, fields: object) => inner.call(logger, event, { transport, ...fields })] as const]
  })
  return Object.freeze(Object.fromEntries(members))
}

/** Formats an event as one text: its name, and its fields as `key=value`. */
export function formatEvent(event: string, fields: object): string {
  return [event, ...formatFields(fields, '')].join(' ')
}

/** Formats fields as `key=value`, those of a group as `group.key=value`. */
function formatFields(fields: object, prefix: string): string[] {
  const pairs = Object.entries(fields).filter(([, value]) => value !== undefined)
  return pairs.flatMap(([key, value]: [string, unknown]) =>
    typeof value === 'object' && value !== null
      ? formatFields(value, `${prefix}${key}.`)
      : [`${prefix}${key}=${formatValue(value)}`],
  )
}

/** Quotes what is not one word, as JSON does. */
function formatValue(value: unknown): string {
  const text = String(value)
  return /^[\w.:/+-]+$/.test(text) ? text : JSON.stringify(text)
}
