/**
 * ScrambleSuit's packets:
 *
 *     MAC (16) ‖ AES-256-CTR( uint16 BE total length ‖ uint16 BE payload length ‖ flags ‖ payload ‖ zero padding )
 *
 * The total length counts payload and padding, and is 1,427 at most. The MAC is HMAC-SHA256 over what is encrypted, cut to 16 bytes. The cipher is one
 * stream over all packets of a direction, which orders them.
 */

/** MTU: bytes of a whole packet on the wire at most. */
export const MAX_PACKET_LENGTH = 1448
export const PACKET_MAC_LENGTH = 16
export const HEADER_LENGTH = 5
/** Bytes that a packet adds to its payload. */
export const PACKET_OVERHEAD_LENGTH = PACKET_MAC_LENGTH + HEADER_LENGTH
/** Payload and padding bytes of a packet at most. */
export const MAX_PAYLOAD_LENGTH = MAX_PACKET_LENGTH - PACKET_OVERHEAD_LENGTH

export const FLAG_PAYLOAD = 1
export const FLAG_NEW_TICKET = 2
export const FLAG_PRNG_SEED = 4

const CIPHER_KEY_LENGTH = 32
const COUNTER_PREFIX_LENGTH = 8
/** Bytes of one direction's key material: AES-256 key (32) ‖ counter prefix (8) ‖ HMAC key (32). */
export const DIRECTION_KEY_LENGTH = 72

/** The parts of one direction's key material. */
export interface DirectionKeys {
  readonly cipherKey: Uint8Array
  /** The first counter block: the prefix and a counter that begins with 1. */
  readonly counterBlock: Buffer
  readonly hmacKey: Uint8Array
}

/** Takes key material apart. Throws RangeError for another length than 72. */
export function splitKey(key: Uint8Array): DirectionKeys {
  if (key.length !== DIRECTION_KEY_LENGTH) {
    throw new RangeError(`a direction's key material has ${DIRECTION_KEY_LENGTH} bytes`)
  }
  const counterBlock = Buffer.alloc(16)
  counterBlock.set(key.subarray(CIPHER_KEY_LENGTH, CIPHER_KEY_LENGTH + COUNTER_PREFIX_LENGTH))
  counterBlock[15] = 1
  return {
    cipherKey: key.subarray(0, CIPHER_KEY_LENGTH),
    counterBlock,
    hmacKey: key.subarray(CIPHER_KEY_LENGTH + COUNTER_PREFIX_LENGTH),
  }
}

/** Returns how many wire bytes `length` application bytes take, without padding. */
export function encodedLength(length: number): number {
  return length + PACKET_OVERHEAD_LENGTH * Math.ceil(length / MAX_PAYLOAD_LENGTH)
}
