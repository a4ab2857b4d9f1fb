import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ByteStream } from './platform.ts'

/** Answers a request, as a listener of node:http's 'request' does. What it throws, or rejects with, is a 500. */
export type WebHandler = (request: IncomingMessage, response: ServerResponse) => unknown

/** What a web server shows: the files of a directory, what another web server (`http://…`) answers, what a handler says, or one status for all. */
export type Site =
  | { readonly directory: string }
  | { readonly upstream: string }
  | { readonly handler: WebHandler }
  | { readonly status: number }

/** What a web server is made of. */
export interface WebSettings {
  readonly site: Site
  /** The certificate chain and its key, each in PEM or the path of a file of it; without them the server speaks plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined
}

/** What is done with requests for an upgrade. */
export interface UpgradeHandlers {
  /** Tells whether a request for an upgrade is granted; one that is not is answered by the site, as if it had not asked. */
  readonly isGranted: (request: IncomingMessage) => boolean
  /** Owns the stream of a granted request, which has had no answer; `head` is what came after the request. */
  readonly onUpgrade: (request: IncomingMessage, stream: ByteStream, head: Buffer) => void
}

/** An HTTP/1.1 server that listens nowhere: it serves the streams that it is given, within limits of its own. */
export interface WebServer {
  /** Serves a stream, which it owns; false where it is full, and the stream destroyed. */
  accept(stream: ByteStream): boolean
  /** Ends every visitor; streams that onUpgrade was given live on. Resolves when all are closed. */
  close(): Promise<void>
}

/** A site that is ready to be served. */
export interface WebHost {
  serve(handlers: UpgradeHandlers): WebServer
}

/** Makes web servers. */
export interface Web {
  /** Reads the certificate and looks for the site. Rejects with PT_WEB_UNUSABLE. */
  open(settings: WebSettings): Promise<WebHost>
}
