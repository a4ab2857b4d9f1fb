/**
 * obfs4's frames and packets:
 *
 *     uint16 BE length, masked ‖ tag (16) ‖ encrypted packet        length = 16 + packet length, 16..1446
 *     packet = uint8 type ‖ uint16 BE payload length ‖ payload ‖ zero padding
 *
 * The masks are the first two bytes of HashDrbg's blocks; the box is XSalsa20-Poly1305 under the nonce
 * prefix (16) ‖ uint64 BE counter, which starts at 1 and must not wrap.
 */

/** Bytes of a whole frame on the wire at most. */
export const MAX_FRAME_LENGTH = 1448
/** Bytes that a frame adds to its payload: length, tag and packet header. */
export const FRAME_OVERHEAD_LENGTH = 21
/** Payload bytes of a packet at most. */
export const MAX_PAYLOAD_LENGTH = MAX_FRAME_LENGTH - FRAME_OVERHEAD_LENGTH
/** Bytes of one direction's key material: secretbox key (32) ‖ nonce prefix (16) ‖ SipHash key (16) ‖ SipHash IV (8). */
export const FRAME_KEY_LENGTH = 72
export const LENGTH_LENGTH = 2
export const HEADER_LENGTH = 3
/** The values that the masked length can have; another one is an attack. */
export const MIN_BOX_LENGTH = 16
export const MAX_BOX_LENGTH = MAX_FRAME_LENGTH - LENGTH_LENGTH

export const PACKET_TYPE_PAYLOAD = 0
export const PACKET_TYPE_PRNG_SEED = 1
export const PRNG_SEED_LENGTH = 24

/** Why a decoder has stopped for good. */
export type FrameError = 'tag-mismatch' | 'packet-invalid' | 'counter-exhausted'

/** Seals one direction's frames. */
export interface FrameEncoder {
  /**
   * Seals application bytes into frames of at most 1,427 payload bytes, followed by one frame without payload for each entry of `padding`, with
   * that many zero bytes (0..1427). Returns the wire bytes, `encodedLength` and 21 + n for each entry n, in a new buffer owned by the caller.
   * Throws RangeError for padding out of range and, then and ever after, when the 2^64 - 1 frames of a key are used up.
   */
  encode(chunks: readonly Uint8Array[], padding?: readonly number[]): Buffer
  /** Seals one packet of any type with `payload` and `padding` zero bytes, together at most 1,427; returns and throws as `encode` does. */
  encodePacket(type: number, payload: Uint8Array, padding?: number): Buffer
}

/** What came out of some wire bytes. */
export interface DecodedFrames {
  /** Application bytes of all whole frames, in a new buffer owned by the caller; undefined when there are none. */
  readonly data: Buffer | undefined
  /** Payload of the last PRNG_SEED packet of 24 bytes, likewise. */
  readonly seed: Buffer | undefined
  /** Why decoding has ended, after the bytes in `data`; undefined as long as it goes on. */
  readonly error: FrameError | undefined
}

/** Opens one direction's frames. */
export interface FrameDecoder {
  /**
   * Opens all whole frames of `bytes`, in any chopping, and keeps a copy of a partial one (at most 1,446 bytes) for the next call. Unknown packet
   * types are skipped. Never throws: after an error, which is fatal, every later call returns the same error and nothing else.
   */
  decode(bytes: Uint8Array): DecodedFrames
  /** Whether a frame has begun and not ended, so that an end of the stream here truncates it. */
  readonly partial: boolean
}

/** The result of a call that completed no frame. */
export const NOTHING_DECODED: DecodedFrames = Object.freeze({ data: undefined, seed: undefined, error: undefined })

/** Returns how many wire bytes `length` application bytes take, without padding. */
export function encodedLength(length: number): number {
  return length + FRAME_OVERHEAD_LENGTH * Math.ceil(length / MAX_PAYLOAD_LENGTH)
}

/** Adds up what chunks and padding frames will take on the wire. Throws RangeError for padding that no frame can have. */
export function burstLength(chunks: readonly Uint8Array[], padding: readonly number[]): number {
  let length = 0
  for (const chunk of chunks) length += chunk.length
  length = encodedLength(length)
  for (const count of padding) {
    checkPacket(0, count)
    length += FRAME_OVERHEAD_LENGTH + count
  }
  return length
}

/** Throws RangeError unless one packet can take `payload` bytes and `padding` zeros. */
export function checkPacket(payload: number, padding: number): void {
  if (!Number.isInteger(padding) || padding < 0 || payload + padding > MAX_PAYLOAD_LENGTH) {
    throw new RangeError(`no packet has ${payload} payload and ${padding} padding bytes`)
  }
}

/** Throws RangeError unless `key` has the length of one direction's key material. */
export function checkFrameKey(key: Uint8Array): void {
  if (key.length !== FRAME_KEY_LENGTH) throw new RangeError(`a direction's key material has ${FRAME_KEY_LENGTH} bytes`)
}

/** Makes the error of an encoder whose counter would wrap. */
export function counterExhausted(): RangeError {
  return new RangeError('this key has sealed its last frame')
}
