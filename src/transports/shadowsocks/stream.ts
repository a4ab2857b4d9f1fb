import { PtError } from '../../core/errors.ts'
import type { TcpAddress } from '../../core/platform.ts'

/** One direction of a stream on its way out. */
export interface StreamSealer {
  /** Seals bytes in one buffer of the caller's; the first call puts the head before them, and may be given none. */
  seal(bytes: readonly Uint8Array[]): Buffer
}

/** What a direction's bytes have brought. */
export interface Opened {
  /** Application bytes; never an empty buffer. */
  readonly data?: Buffer | undefined
  /** On a server, once: where the client wants to go. */
  readonly target?: TcpAddress | undefined
  /** With `target`, where the answer must name it: the client's salt. */
  readonly salt?: Buffer | undefined
  /** Why nothing of this direction may be believed from here on. */
  readonly failure?: PtError | undefined
}

/** One direction of a stream on its way in. */
export interface StreamOpener {
  /** Takes what came. Not to be called after a failure. */
  receive(bytes: Uint8Array): Opened
  /** Whether an end here would cut something off. */
  readonly isMidway: boolean
}

export function forgedHead(): PtError {
  return new PtError('PT_HANDSHAKE_FAILED', 'The peer does not know the key')
}

export function badAddress(): PtError {
  return new PtError('PT_HANDSHAKE_FAILED', 'The client asks for an address that is none')
}

export function badHeader(): PtError {
  return new PtError('PT_HANDSHAKE_FAILED', 'The header breaks a rule of the protocol')
}

export function staleTime(): PtError {
  return new PtError('PT_HANDSHAKE_FAILED', "The peer's time is not ours")
}

export function replayedSalt(): PtError {
  return new PtError('PT_REPLAY', 'The salt was there before')
}

export function forgedChunk(): PtError {
  return new PtError('PT_FRAME_INVALID', 'A chunk is not genuine')
}
