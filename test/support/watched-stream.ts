import type { Duplex } from 'node:stream'

/** A stream that is read all the time, and what happened on it. */
export interface Watched<Stream extends Duplex> {
  readonly stream: Stream
  /** Every byte received so far. */
  readonly received: () => Buffer
  /** What was emitted: `end`, `error CODE`, `close`. */
  readonly events: string[]
}

/** Reads a stream from now on and notes its events. */
export function watchStream<Stream extends Duplex>(stream: Stream): Watched<Stream> {
  const chunks: Buffer[] = []
  const events: string[] = []
  stream.on('data', (bytes: Buffer) => chunks.push(bytes))
  stream.on('end', () => events.push('end')).on('close', () => events.push('close'))
  stream.on('error', (error) => events.push(`error ${'code' in error ? String(error.code) : error.message}`))
  stream.resume()
  return { stream, received: () => Buffer.concat(chunks), events }
}
