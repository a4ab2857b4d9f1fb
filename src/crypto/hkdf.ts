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
