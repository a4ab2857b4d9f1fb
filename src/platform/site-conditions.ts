import type { IncomingHttpHeaders } from 'node:http'

/** A file as it is now. */
export interface FileVersion {
  readonly etag: string
  /** In seconds since 1970. */
  readonly modifiedAt: number
  /** In bytes. */
  readonly size: number
}

/** Bytes of a file, the last one included. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Tells whether a GET or HEAD is to be answered with 304 (RFC 9110 §13.2.2): If-None-Match wins over If-Modified-Since. */
export function isUnchanged(headers: IncomingHttpHeaders, { etag, modifiedAt }: FileVersion): boolean {
  const tags = headers['if-none-match']
  if (tags !== undefined)
    return tags.trim() === '*' || tags.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)
  const since = secondsOf(headers['if-modified-since'])
  return since !== undefined && modifiedAt <= since
}

/**
 * Reads the one range of bytes that is asked for (RFC 9110 §14.2); undefined where the whole is to be sent: nothing is asked for, several
 * ranges, what is no range, or a part of another version.
 */
export function rangeOf(headers: IncomingHttpHeaders, version: FileVersion): ByteRange | 'unsatisfiable' | undefined {
  const { first, last } = /^bytes=(?<first>\d*)-(?<last>\d*)$/i.exec(headers.range ?? '')?.groups ?? {}
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined
  if (!isSameVersion(headers['if-range'], version)) return undefined
  const { size } = version
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1)
  if (first !== '' && last !== '' && Number(last) < start) return undefined
  return start >= size || (first === '' && Number(last) === 0) ? 'unsatisfiable' : { start, end }
}

function isSameVersion(condition: string | string[] | undefined, { etag, modifiedAt }: FileVersion): boolean {
  if (typeof condition !== 'string') return true
  return condition.startsWith('"') ? condition === etag : secondsOf(condition) === modifiedAt
}

function secondsOf(date: string | undefined): number | undefined {
  const ms = Date.parse(date ?? '')
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000)
}
