import { hsalsa, xsalsa20poly1305 } from '@noble/ciphers/salsa.js'

/** NaCl's crypto_secretbox_xsalsa20poly1305, the portable way. */

export const SECRETBOX_KEY_LENGTH = 32
export const SECRETBOX_NONCE_LENGTH = 24
/** Bytes of a nonce that go into the subkey; the other eight go into Salsa20. */
export const SECRETBOX_NONCE_PREFIX_LENGTH = 16

/** Seals `message` under a key of 32 and a nonce of 24 bytes: the tag of 16 bytes, then the ciphertext, in a new array. Throws RangeError for other lengths. */
export function sealSecretbox(key: Uint8Array, nonce: Uint8Array, message: Uint8Array): Uint8Array {
  checkLengths(key, nonce)
  return xsalsa20poly1305(key, nonce).encrypt(message)
}

/** Opens `box`, tag first, into a new array; returns undefined when the tag does not match or the box is shorter than one. */
export function openSecretbox(key: Uint8Array, nonce: Uint8Array, box: Uint8Array): Uint8Array | undefined {
  checkLengths(key, nonce)
  try {
    return xsalsa20poly1305(key, nonce).decrypt(box)
  } catch {
    return undefined
  }
}

/** Derives the Salsa20 key of all nonces that begin with `prefix` (16 bytes): HSalsa20, 32 bytes, in a new array. */
export function secretboxSubkey(key: Uint8Array, prefix: Uint8Array): Uint8Array {
  const subkey = new Uint32Array(SECRETBOX_KEY_LENGTH / 4)
  hsalsa(SIGMA, words(key, SECRETBOX_KEY_LENGTH), words(prefix, SECRETBOX_NONCE_PREFIX_LENGTH), subkey)
  return new Uint8Array(subkey.buffer)
}

/** "expand 32-byte k", Salsa20's constants. */
const SIGMA = new Uint32Array([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574])

/** Copies `bytes` to where they are aligned as words. */
function words(bytes: Uint8Array, length: number): Uint32Array {
  if (bytes.length !== length) throw new RangeError(`${length} bytes are needed, not ${bytes.length}`)
  return new Uint32Array(Uint8Array.from(bytes).buffer)
}

function checkLengths(key: Uint8Array, nonce: Uint8Array): void {
  if (key.length !== SECRETBOX_KEY_LENGTH) throw new RangeError('a secretbox key has 32 bytes')
  if (nonce.length !== SECRETBOX_NONCE_LENGTH) throw new RangeError('a secretbox nonce has 24 bytes')
}
