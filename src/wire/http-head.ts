import type { Decoding } from './decoding.ts'

/** The head of an HTTP/1 message. */
export interface HttpHead {
  /** The request line or status line. */
  readonly startLine: string
  /** Values by name in lower case; those of a repeated name are joined with commas, as RFC 9110 §5.3 has it. */
  readonly fields: ReadonlyMap<string, string>
}

const END = Buffer.from('\r\n\r\n')
const FIELD = /^(?<name>[!#$%&'*+.^_`|~\w-]+):[ \t]*(?<value>[^\0\r\n]*)$/

/** Decodes the head of a message (RFC 9112 §2.1), of `mostLength` bytes at most with its empty line; a line that is folded is malformed. */
export function decodeHttpHead(bytes: Buffer, mostLength: number): Decoding<HttpHead> {
  const end = bytes.indexOf(END)
  const length = end + END.length
  if (end < 0 ? bytes.length >= mostLength : length > mostLength) return 'malformed'
  if (end < 0) return 'incomplete'
  const [startLine, ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const fields = new Map<string, string>()
  for (const line of lines) {
    const { name, value } = FIELD.exec(line)?.groups ?? {}
    if (name === undefined || value === undefined) return 'malformed'
    const before = fields.get(name.toLowerCase())
    fields.set(name.toLowerCase(), before === undefined ? value.trimEnd() : `${before}, ${value.trimEnd()}`)
  }
  return { value: { startLine: startLine!, fields }, length }
}

/** Tells whether a list of tokens, as of the field Connection, holds one, in whatever case. */
export function hasToken(list: string | undefined, token: string): boolean {
  return list !== undefined && list.split(',').some((item) => item.trim().toLowerCase() === token)
}
