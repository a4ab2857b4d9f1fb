// Lengths in bytes, with the names of the specification (obfs4-spec.txt) where it has one; the running code's figures where they differ.

export const REPRESENTATIVE_LENGTH = 32
export const AUTH_LENGTH = 32
export const MARK_LENGTH = 16
export const MAC_LENGTH = 16
export const NODE_ID_LENGTH = 20
export const PUBLIC_KEY_LENGTH = 32

/** Longest handshake message of either side. */
export const MAX_HANDSHAKE_LENGTH = 8192
/** The PRNG_SEED frame that the server sends in the same write as its handshake: length, tag, packet header, seed. */
const SEED_FRAME_LENGTH = 2 + 16 + 3 + 24
const CLIENT_FIXED_LENGTH = REPRESENTATIVE_LENGTH + MARK_LENGTH + MAC_LENGTH
const SERVER_FIXED_LENGTH = REPRESENTATIVE_LENGTH + AUTH_LENGTH + MARK_LENGTH + MAC_LENGTH
/** ClientMinPadLength: so that both sides' messages are equally long at least. 85 in the text, 77 in the code. */
export const CLIENT_MIN_PAD_LENGTH = SERVER_FIXED_LENGTH + SEED_FRAME_LENGTH - CLIENT_FIXED_LENGTH
export const CLIENT_MAX_PAD_LENGTH = MAX_HANDSHAKE_LENGTH - CLIENT_FIXED_LENGTH
export const CLIENT_MIN_HANDSHAKE_LENGTH = CLIENT_FIXED_LENGTH + CLIENT_MIN_PAD_LENGTH
/** ServerMaxPadLength: 8,096 in the text, 8,051 in the code. */
export const SERVER_MAX_PAD_LENGTH = MAX_HANDSHAKE_LENGTH - SERVER_FIXED_LENGTH - SEED_FRAME_LENGTH

/** A server recognises no client later than this after it accepted the stream. */
export const SERVER_HANDSHAKE_MS = 30_000
/** A server adds a delay below this many seconds, constant per bridge, before it ends a stream that it did not recognise. */
export const MAX_CLOSE_DELAY_SECONDS = 60
