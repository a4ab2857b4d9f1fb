import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { type SecureContext, TLSSocket } from 'node:tls'
import type { ByteStream, Clock } from '../core/platform.ts'
import type { UpgradeHandlers, WebServer } from '../core/web.ts'
import { faceOf } from './node-tls.ts'
import { Visitor } from './visitor.ts'

/** Streams of visitors and of requests not read yet; past it those that idle between requests make room, or newcomers are turned away. */
const MAX_VISITORS = 4_096
/** Bytes of the head of a request. */
const MAX_HEAD_LENGTH = 16_384

export interface WebServerParameters {
  readonly secureContext: SecureContext | undefined
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void
  readonly upgrades: UpgradeHandlers
  readonly clock: Clock
}

/** An HTTP/1.1 server over streams that are handed to it; with a context it speaks TLS first. */
export class NodeWebServer implements WebServer {
  readonly #parameters: WebServerParameters
  readonly #server: Server
  /** By what HTTP is spoken over; in the order of their coming. */
  readonly #visitors = new Map<Duplex, Visitor>()
  #isClosing = false
  #onEmpty = (): void => {}

  constructor(parameters: WebServerParameters) {
    this.#parameters = parameters
    // Visitor keeps the time: timers of node:http's own run only while it listens.
    const limits = { maxHeaderSize: MAX_HEAD_LENGTH, keepAliveTimeout: 0, headersTimeout: 0, requestTimeout: 0 }
    // From version 25 on Node no longer counts a body to what follows an upgrade; what has one is to be a plain request, where Node asks.
    const asked = { shouldUpgradeCallback: (request: IncomingMessage) => !hasBody(request) }
    this.#server = createServer({ ...limits, ...asked, keepAlive: false })
    const onRequest = (request: IncomingMessage, response: ServerResponse): void =>
      this.#visitors.get(request.socket)?.serve(response, () => parameters.onRequest(request, response))
    // What node:http would answer with 417 out of the visitor's turn is for the site as well.
    this.#server.on('request', onRequest).on('checkExpectation', onRequest)
    this.#server.on('upgrade', (request, stream, head) => this.#upgrade(request, stream, head))
    this.#server.on('connect', (_request, stream) => {
      stream.end('HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
    })
  }

  accept(raw: ByteStream): boolean {
    raw.on('error', () => {})
    if (this.#isClosing || !this.#hasRoom()) {
      raw.destroy()
      return false
    }
    const stream = this.#secure(raw)
    const visitor = new Visitor(stream, this.#parameters.clock)
    this.#visitors.set(stream, visitor)
    stream.once('close', () => this.#leave(stream))
    if (stream === raw) this.#speak(stream)
    else stream.once('secure', () => this.#speak(stream))
    return true
  }

  async close(): Promise<void> {
    this.#isClosing = true
    if (this.#visitors.size === 0) return
    const closed = new Promise<void>((resolve) => {
      this.#onEmpty = resolve
    })
    for (const visitor of this.#visitors.values()) visitor.end()
    await closed
  }

  #hasRoom(): boolean {
    if (this.#visitors.size < MAX_VISITORS) return true
    for (const [stream, visitor] of this.#visitors) {
      if (!visitor.isIdle) continue
      visitor.end()
      this.#leave(stream)
      return true
    }
    return false
  }

  #secure(raw: ByteStream): ByteStream {
    const { secureContext } = this.#parameters
    if (secureContext === undefined) return raw
    const stream = new TLSSocket(raw, { isServer: true, secureContext, ALPNProtocols: ['http/1.1'] })
    faceOf(stream, raw)
    // One that fails in its handshake is destroyed without more; how a later failure is told where there is no tls.Server.
    stream.on('error', () => {}).on('_tlsError', (error: Error) => stream.destroy(error))
    return stream
  }

  #speak(stream: ByteStream): void {
    this.#server.emit('connection', stream)
    // What is accepted for a front comes paused.
    stream.resume()
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const { isGranted, onUpgrade } = this.#parameters.upgrades
    // Not before the answers to earlier requests have left: the next HTTP connection on the stream would know nothing of them.
    this.#visitors.get(stream)?.whenAnswered(() => {
      if (!hasBody(request) && isGranted(request)) {
        this.#leave(stream)
        onUpgrade(request, stream, head)
        return
      }
      // node:http takes its other listeners off with the upgrade, and would add these once more.
      stream.removeAllListeners('resume').removeAllListeners('pause')
      stream.unshift(Buffer.concat([withoutUpgrade(request), head]))
      this.#speak(stream)
    })
  }

  #leave(stream: Duplex): void {
    this.#visitors.get(stream)?.release()
    this.#visitors.delete(stream)
    if (this.#visitors.size === 0) this.#onEmpty()
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined
}

/** Writes the head of a request anew, as it would be had it not asked for an upgrade. */
function withoutUpgrade({ method, url, httpVersion, rawHeaders }: IncomingMessage): Buffer {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const [name, value] = [rawHeaders[index]!, rawHeaders[index + 1]!]
    const isConnection = /^connection$/i.test(name)
    const kept = isConnection
      ? value
          .split(',')
          .filter((token) => token.trim().toLowerCase() !== 'upgrade')
          .join(',')
      : value
    if (!/^upgrade$/i.test(name) && !(isConnection && kept.trim() === '')) lines.push(`${name}: ${kept}`)
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
}
