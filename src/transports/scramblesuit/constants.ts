// Lengths in bytes; names as in scramblesuit-spec.txt where it has one.

/** The shared secret k_B that a bridge line carries. */
export const SECRET_LENGTH = 20
export const MARK_LENGTH = 16
export const MAC_LENGTH = 16
/** Longest handshake message of either side and kind. */
export const MAX_HANDSHAKE_LENGTH = 1532
export const MASTER_KEY_LENGTH = 32
export const TICKET_LENGTH = 112
export const PRNG_SEED_LENGTH = 32

/** How long a session ticket is good for, on either side, and how long a server uses one ticket key; in ms. */
export const TICKET_LIFE_MS = 7 * 24 * 3_600_000

/** A server recognises no client later than this after it accepted the stream. */
export const SERVER_HANDSHAKE_MS = 30_000
/** A server adds a delay below this many seconds, constant per bridge, before it ends a stream that it did not recognise. */
export const MAX_CLOSE_DELAY_SECONDS = 60
