import { type IncomingMessage, type OutgoingHttpHeaders, STATUS_CODES, type ServerResponse } from 'node:http'
import type { WebHandler } from '../core/web.ts'

/** Answers with a page that says nothing but the status. Does nothing once a response has begun but to cut it off. */
export function answerStatus(response: ServerResponse, status: number, headers: OutgoingHttpHeaders = {}): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const text = `${status} ${STATUS_CODES[status] ?? ''}`
  const page = `<!DOCTYPE html>\n<html><head><title>${text}</title></head><body><h1>${text}</h1></body></html>\n`
  const length = Buffer.byteLength(page)
  response.writeHead(status, { 'Content-Type': 'text/html', 'Content-Length': length, ...headers })
  response.end(page)
}

/** Makes a handler that answers 500 where the given one throws or rejects. */
export function withoutThrows(handler: WebHandler): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const onFailure = (): void => answerStatus(response, 500)
    try {
      Promise.resolve(handler(request, response)).catch(onFailure)
    } catch {
      onFailure()
    }
  }
}
