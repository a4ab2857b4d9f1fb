import { type KeyObject, createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto'

export const X25519_KEY_LENGTH = 32

/** A private key that node:crypto has imported: a key exchange with one costs half of one with raw bytes. */
export type X25519PrivateKey = KeyObject
/** A public key that node:crypto has imported, which takes as long as the exchange itself. */
export type X25519PublicKey = KeyObject

/** Imports a private key of 32 bytes, clamped or not, for many exchanges. Throws RangeError for another length. */
export function importX25519PrivateKey(privateKey: Uint8Array): X25519PrivateKey {
  assertKeyLength(privateKey)
  // As JWK, since OpenSSL's PKCS#8 decoder takes ten times as long. Node checks `x` for its type only.
  return createPrivateKey({
    key: { kty: 'OKP', crv: 'X25519', d: base64url(privateKey), x: '' },
    format: 'jwk',
  })
}

/** Imports a public key of 32 bytes, of low order or not, for many exchanges. Throws RangeError for another length. */
export function importX25519PublicKey(publicKey: Uint8Array): X25519PublicKey {
  assertKeyLength(publicKey)
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: base64url(publicKey) }, format: 'jwk' })
}

/**
 * Computes the shared secret (RFC 7748, section 6.1): 32 bytes in a new buffer owned by the caller, or undefined where they are
 * all zero, which is so for every public key of low order. Throws RangeError for keys of another length than 32 bytes.
 */
export function x25519(
  privateKey: Uint8Array | X25519PrivateKey,
  publicKey: Uint8Array | X25519PublicKey,
): Buffer | undefined {
  const peer = isBytes(publicKey) ? importX25519PublicKey(publicKey) : publicKey
  const imported = isBytes(privateKey) ? importX25519PrivateKey(privateKey) : privateKey
  try {
    const secret = diffieHellman({ privateKey: imported, publicKey: peer })
    // OpenSSL refuses an all-zero secret itself; BoringSSL, in Electron, may not.
    return secret.some((byte) => byte !== 0) ? secret : undefined
  } catch {
    // Both keys are valid by now, so that only the all-zero secret is left to fail.
    return undefined
  }
}

/** Computes the public key of a private key: 32 bytes in a new buffer owned by the caller. Throws RangeError for another length than 32. */
export function x25519PublicKey(privateKey: Uint8Array | X25519PrivateKey): Buffer {
  const imported = isBytes(privateKey) ? importX25519PrivateKey(privateKey) : privateKey
  return Buffer.from(createPublicKey(imported).export({ format: 'jwk' }).x!, 'base64url')
}

function isBytes(key: Uint8Array | KeyObject): key is Uint8Array {
  return key instanceof Uint8Array
}

function assertKeyLength(key: Uint8Array): void {
  if (key.length !== X25519_KEY_LENGTH) throw new RangeError('an X25519 key has 32 bytes')
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url')
}
