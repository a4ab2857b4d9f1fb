import { createHmac, hkdfSync } from 'node:crypto'

export interface HkdfOptions {
  readonly salt: Uint8Array
  readonly info: Uint8Array
  /** Bytes to derive, at most 8,160. */
  readonly length: number
}

/** Derives `length` bytes from `inputKey` by HKDF-SHA256 (RFC 5869), in a new buffer owned by the caller. */
export function hkdfSha256(inputKey: Uint8Array, { salt, info, length }: HkdfOptions): Buffer {
  return Buffer.from(hkdfSync('sha256', inputKey, salt, info, length))
}

/** Computes HMAC-SHA256 over the concatenation of `parts`: 32 bytes in a new buffer owned by the caller. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer {
  const hmac = createHmac('sha256', key)
  for (const part of parts) hmac.update(part)
  return hmac.digest()
}

/**
 * Derives `length` bytes, at most 8,160, from a pseudo-random key by the second half of HKDF-SHA256 alone (RFC 5869, section 2.3), with an
 * empty info, in a new buffer owned by the caller.
 */
export function hkdfExpandSha256(pseudoRandomKey: Uint8Array, length: number): Buffer {
  const blocks: Buffer[] = []
  for (let derived = 0; derived < length; derived += 32) {
    const index = Buffer.of(blocks.length + 1)
    blocks.push(hmacSha256(pseudoRandomKey, ...blocks.slice(-1), index))
  }
  return Buffer.concat(blocks).subarray(0, length)
}
