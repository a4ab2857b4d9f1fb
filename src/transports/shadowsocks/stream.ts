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
  readonly failure?: StreamFailure | undefined
}

export interface StreamFailure {
  readonly code: 'PT_HANDSHAKE_FAILED' | 'PT_REPLAY' | 'PT_FRAME_INVALID'
  readonly message: string
}

/** One direction of a stream on its way in. */
export interface StreamOpener {
  /** Takes what came. Not to be called after a failure. */
  receive(bytes: Uint8Array): Opened
  /** Whether an end here would cut something off. */
  readonly isMidway: boolean
}

export const FORGED_HEAD: StreamFailure = Object.freeze({
  code: 'PT_HANDSHAKE_FAILED',
  message: 'The peer does not know the key',
})
export const BAD_ADDRESS: StreamFailure = Object.freeze({
  code: 'PT_HANDSHAKE_FAILED',
  message: 'The client asks for an address that is none',
})
export const REPLAYED: StreamFailure = Object.freeze({ code: 'PT_REPLAY', message: 'The salt was there before' })
export const STALE: StreamFailure = Object.freeze({
  code: 'PT_HANDSHAKE_FAILED',
  message: "The peer's time is not ours",
})
export const BAD_HEADER: StreamFailure = Object.freeze({
  code: 'PT_HANDSHAKE_FAILED',
  message: 'The header breaks a rule of the protocol',
})
export const FORGED_CHUNK: StreamFailure = Object.freeze({
  code: 'PT_FRAME_INVALID',
  message: 'A chunk is not genuine',
})
