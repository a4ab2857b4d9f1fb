import { type IncomingMessage, request as requestUpstream } from 'node:http'
import { pipeline } from 'node:stream/promises'
import { PtError } from '../core/errors.ts'
import type { ByteStream, Clock, Dialer } from '../core/platform.ts'
import type { WebHandler } from '../core/web.ts'
import { answerStatus } from './site-response.ts'

/** Limit of the dial and of the wait for the head of the response, in ms. */
const UPSTREAM_TIMEOUT_MS = 30_000

/** Headers that are of one hop only (RFC 9110 §7.6.1), besides those that Connection names. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Never of one hop, even where Connection says so: without it the upstream would take the body for a request. */
const FRAMING = 'content-length'

/** Of the visitor's headers, these are replaced by what this server knows. */
const REPLACED: ReadonlySet<string> = new Set(['host', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'])

/**
 * Makes the handler that passes requests on to another web server, a connection for each; where that does not answer, it is a 502.
 * Throws PT_WEB_UNUSABLE for what is no http:// URL.
 */
export function openUpstreamSite(upstream: string, world: { dialer: Dialer; clock: Clock }): WebHandler {
  const url = URL.canParse(upstream) ? new URL(upstream) : undefined
  if (url?.protocol !== 'http:' || url.username !== '' || url.search !== '' || url.hash !== '')
    throw new PtError('PT_WEB_UNUSABLE', 'The upstream of the site must be a URL of the form http://host[:port][/path]')
  const prefix = url.pathname.replace(/\/$/, '')
  const address = { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80) }
  return async (request, response) => {
    if (request.url?.startsWith('/') !== true) return answerStatus(response, 400)
    const ending = new AbortController()
    const timer = world.clock.setTimer(() => ending.abort(), UPSTREAM_TIMEOUT_MS, { ref: false })
    response.once('close', () => ending.abort())
    try {
      const stream = await world.dialer.dial(address, { signal: ending.signal })
      const path = prefix + request.url
      const answer = await exchange(request, { stream, path, host: url.host, signal: ending.signal })
      timer.cancel()
      const headers = endToEnd(answer.rawHeaders)
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage ?? '', headers)
      await pipeline(answer, response)
    } catch {
      answerStatus(response, 502)
    } finally {
      timer.cancel()
      ending.abort()
    }
  }
}

interface Exchange {
  readonly stream: ByteStream
  readonly path: string
  readonly host: string
  readonly signal: AbortSignal
}

/** Sends the visitor's request, body and all, and waits for the head of the response. */
function exchange(request: IncomingMessage, { stream, path, host, signal }: Exchange): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const fail = (): void => {
      stream.destroy()
      reject(new Error('the upstream did not answer'))
    }
    stream.on('error', fail)
    signal.addEventListener('abort', fail, { once: true })
    if (signal.aborted) return fail()
    const headers = [...endToEnd(request.rawHeaders, REPLACED), ...forwardedHeaders(request), 'Host', host]
    // Said in so many words: without it a body of a GET would not be framed at all.
    if (request.headers['transfer-encoding'] !== undefined) headers.push('Transfer-Encoding', 'chunked')
    headers.push('Connection', 'close')
    const sent = requestUpstream({
      method: request.method,
      path,
      headers,
      createConnection: () => stream,
      setHost: false,
    })
    // Dialled streams come paused, which node:http does not expect.
    sent.on('socket', () => void stream.resume())
    sent.on('error', fail).on('upgrade', fail).on('response', resolve)
    if (hasBody(request)) pipeline(request, sent).catch(fail)
    else sent.end()
  })
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function forwardedHeaders({ socket, headers }: IncomingMessage): string[] {
  const forwarded = ['X-Forwarded-Proto', 'encrypted' in socket ? 'https' : 'http']
  if (headers.host !== undefined) forwarded.push('X-Forwarded-Host', headers.host)
  if (socket.remoteAddress !== undefined) forwarded.push('X-Forwarded-For', socket.remoteAddress)
  return forwarded
}

/** Picks the headers that are not of one hop, nor among the replaced, in their order: names and values in turn. */
function endToEnd(rawHeaders: readonly string[], replaced?: ReadonlySet<string>): string[] {
  const pairs = Array.from({ length: rawHeaders.length / 2 }, (_, index) => rawHeaders.slice(2 * index, 2 * index + 2))
  const named = new Set(
    pairs
      .filter(([name]) => name!.toLowerCase() === 'connection')
      .flatMap(([, value]) => value!.split(',').map((token) => token.trim().toLowerCase()))
      .filter((token) => token !== FRAMING),
  )
  const dropped = (name: string): boolean => HOP_BY_HOP.has(name) || replaced?.has(name) === true || named.has(name)
  return pairs.filter(([name]) => !dropped(name!.toLowerCase())).flat()
}
