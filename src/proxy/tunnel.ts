import { type ErrorCode, PtError } from '../core/errors.ts'
import type { ByteStream } from '../core/platform.ts'
import { SOCKS_REPLY } from '../wire/socks.ts'
import { StreamReader } from './stream-reader.ts'

/** What a SOCKS5 server's refusal means, as the system's codes: callers branch on them as if they had dialled themselves. */
export const SOCKS_CODES: Readonly<Record<number, string>> = {
  [SOCKS_REPLY.notAllowed]: 'EACCES',
  [SOCKS_REPLY.networkUnreachable]: 'ENETUNREACH',
  [SOCKS_REPLY.hostUnreachable]: 'EHOSTUNREACH',
  [SOCKS_REPLY.connectionRefused]: 'ECONNREFUSED',
  [SOCKS_REPLY.ttlExpired]: 'ETIMEDOUT',
  [SOCKS_REPLY.addressTypeNotSupported]: 'EAFNOSUPPORT',
}

/** Who is asked for a tunnel. Makes the error of what it did, which ends the sentence; for what has no code of the system's. */
export type TunnelParty = (did: string, cause?: unknown) => PtError

/** The exchange over a dialled stream after which it is a tunnel. */
export type Tunnel = (stream: ByteStream, reader: StreamReader) => Promise<void>

/**
 * Makes a dialled stream a tunnel, and leaves it paused; destroys it when that fails. Rejects with what `open` rejects with, the signal's
 * reason, the stream's error, or the party's code for an answer that is none.
 */
export async function openTunnel(
  stream: ByteStream,
  open: Tunnel,
  { party, signal }: { readonly party: TunnelParty; readonly signal: AbortSignal },
): Promise<void> {
  const reader = new StreamReader(stream, signal)
  try {
    await open(stream, reader)
    reader.release()
  } catch (error) {
    // The reader is not released: it hears the errors that may still come.
    stream.destroy()
    throw signal.aborted ? signal.reason : nameParty(error, party)
  }
}

/** Makes the error of a refusal: with the system's code where it has one. */
export function refusalBy(party: TunnelParty, code: string | undefined, what: string): Error {
  const error = party(`refused: ${what}`)
  return code === undefined ? error : Object.assign(new Error(error.message), { code })
}

/** Turns what a reader says of the answer into what the party has done. */
function nameParty(error: unknown, party: TunnelParty): unknown {
  if (!(error instanceof PtError) || !READER_CODES.has(error.code)) return error
  return party(
    error.code === 'PT_TRUNCATED' ? 'ended before it had answered' : 'answered what is not its protocol',
    error,
  )
}

const READER_CODES: ReadonlySet<ErrorCode> = new Set(['PT_TRUNCATED', 'PT_FRAME_INVALID'])
