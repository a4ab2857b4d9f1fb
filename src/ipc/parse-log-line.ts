/** Severities of PT 1.0 §3.3.4; WARN of 3.0 is `warning`. */
export type LogSeverity = 'error' | 'warning' | 'notice' | 'info' | 'debug'

const SEVERITIES: Readonly<Record<string, LogSeverity>> = {
  error: 'error',
  warning: 'warning',
  warn: 'warning',
  notice: 'notice',
  info: 'info',
  debug: 'debug',
}

const NAMED_ESCAPES: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09 }

/**
 * Parses what follows LOG in either form: `SEVERITY=notice MESSAGE="…"` (PT 1.0 §3.3.4), whose pairs may come in any order, or `WARN text`
 * (PT 3.0 §1.2.4). Severities are read in any case, as programs in the field write them. Undefined for anything else.
 */
export function parseLogLine(rest: string): { readonly severity: LogSeverity; readonly message: string } | undefined {
  const fields = /^\w+=/.test(rest) ? parsePairs(rest) : undefined
  if (fields !== undefined) {
    const severity = severityOf(fields.get('SEVERITY'))
    const message = fields.get('MESSAGE')
    return severity === undefined || message === undefined ? undefined : { severity, message }
  }
  const { level, text } = /^(?<level>[A-Za-z]+)(?:\s+(?<text>.*))?$/s.exec(rest)?.groups ?? {}
  const severity = severityOf(level)
  return severity === undefined ? undefined : { severity, message: text ?? '' }
}

/** Parses the pairs that follow STATUS (PT 1.0 §3.3.5); undefined when they are none, or two have one key. */
export function parseStatusLine(rest: string): Readonly<Record<string, string>> | undefined {
  const fields = parsePairs(rest)
  return fields === undefined ? undefined : Object.freeze(Object.fromEntries(fields))
}

function severityOf(word: string | undefined): LogSeverity | undefined {
  const name = word?.toLowerCase()
  return name !== undefined && Object.hasOwn(SEVERITIES, name) ? SEVERITIES[name] : undefined
}

/** Parses `KEY=value KEY="C string"` with white space between; undefined for anything else. */
function parsePairs(text: string): ReadonlyMap<string, string> | undefined {
  const pairs = new Map<string, string>()
  const pair = /(?<key>[\w-]+)=(?:"(?<quoted>(?:[^"\\]|\\.)*)"|(?<plain>[^\s"]*))(?:\s+|$)/suy
  while (pair.lastIndex < text.length) {
    const { key, quoted, plain } = pair.exec(text)?.groups ?? {}
    if (key === undefined || pairs.has(key)) return undefined
    pairs.set(key, quoted === undefined ? plain! : unescapeString(quoted))
  }
  return pairs.size === 0 ? undefined : pairs
}

/** Takes away the escapes of a CString (tor's control-spec §2.1.1): named ones, and bytes in octal or hex, which together may be UTF-8. */
function unescapeString(text: string): string {
  return text.replaceAll(/(?:\\(?:[0-7]{1,3}|x[\da-fA-F]{2}|[^]))+/gu, (run) => {
    const escapes = run.match(/\\(?:[0-7]{1,3}|x[\da-fA-F]{2}|[^])/gu) ?? []
    return Buffer.concat(escapes.map(decodeEscape)).toString()
  })
}

function decodeEscape(escape: string): Buffer {
  const rest = escape.slice(1)
  if (/^[0-7]/.test(rest)) return Buffer.of(Number.parseInt(rest, 8) & 0xff)
  if (/^x[\da-fA-F]{2}$/.test(rest)) return Buffer.of(Number.parseInt(rest.slice(1), 16))
  const named = Object.hasOwn(NAMED_ESCAPES, rest) ? NAMED_ESCAPES[rest] : undefined
  return named === undefined ? Buffer.from(rest) : Buffer.of(named)
}
