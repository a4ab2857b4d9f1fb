import type { Decoding } from '../../wire/decoding.ts'
import { decodeHttpHead, hasToken } from '../../wire/http-head.ts'
import { MAX_HEAD_LENGTH } from './constants.ts'

const RESPONSE = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'

/** Encodes the request for a tunnel, in the order and words of the reference client. `host` is a name or an IP address without brackets. */
export function encodeRequest(path: string, host: string): Buffer {
  const authority = host.includes(':') ? `[${host}]` : host
  const lines = [`Host: ${authority}`, 'User-Agent: Go-http-client/1.1', 'Connection: upgrade', 'Upgrade: websocket']
  return Buffer.from(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}

/** Encodes the answer to it; peers compare the reason phrase and both values whole. */
export function encodeResponse(): Buffer {
  return Buffer.from(RESPONSE)
}

/** Tells whether fields ask for, or grant, the upgrade. */
export function isUpgrade(connection: string | undefined, upgrade: string | undefined): boolean {
  return hasToken(connection, 'upgrade') && upgrade?.trim().toLowerCase() === 'websocket'
}

/** Decodes the head of a request, to whether it asks for the upgrade. */
export function decodeRequest(bytes: Buffer): Decoding<boolean> {
  const head = decodeHttpHead(bytes, MAX_HEAD_LENGTH)
  if (typeof head === 'string') return head
  const { startLine, fields } = head.value
  const isAsked = isUpgrade(fields.get('connection'), fields.get('upgrade'))
  return { value: isAsked && /^GET \S+ HTTP\/1\.1$/.test(startLine), length: head.length }
}

/** What a web server answered. */
export interface UpgradeAnswer {
  readonly status: number
  /** Whether the status is 101 and the fields say so, too. */
  readonly isGranted: boolean
}

const STATUS_LINE = /^HTTP\/1\.[01] (?<status>[1-9]\d\d)(?: .*)?$/
const BEGINNING = 'HTTP/1.'

/** Decodes the head of the response; interim ones but 101 are passed over. Malformed: no status line, or too long altogether. */
export function decodeResponse(bytes: Buffer): Decoding<UpgradeAnswer> {
  let start = 0
  for (;;) {
    const rest = bytes.subarray(start)
    if (!BEGINNING.startsWith(rest.toString('latin1', 0, BEGINNING.length))) return 'malformed'
    const head = decodeHttpHead(rest, MAX_HEAD_LENGTH - start)
    if (typeof head === 'string') return head
    const { startLine, fields } = head.value
    const status = Number(STATUS_LINE.exec(startLine)?.groups?.['status'])
    if (Number.isNaN(status)) return 'malformed'
    start += head.length
    if (status === 101)
      return { value: { status, isGranted: isUpgrade(fields.get('connection'), fields.get('upgrade')) }, length: start }
    if (status >= 200) return { value: { status, isGranted: false }, length: start }
  }
}
