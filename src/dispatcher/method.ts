import type { BoundAddress, TcpAddress } from '../core/platform.ts'

/** One transport at work, on the client's or the server's side. */
export interface Method {
  /** The address really bound. */
  readonly address: BoundAddress
  /** Stops accepting; connections go on. */
  close(): Promise<void>
  /** Resolves once no connection is left; meaningful after close(). */
  drained(): Promise<void>
  /** Stops accepting and destroys every connection; resolves when all are closed. */
  destroy(): Promise<void>
}

/** Turns the address of a TCP listener into the one that lines print. Throws RangeError for a UNIX socket, which they cannot. */
export function toTcpAddress(bound: BoundAddress): TcpAddress {
  if (typeof bound === 'string') throw new RangeError('a line of the IPC cannot carry the path of a UNIX socket')
  return { host: bound.address, port: bound.port }
}
