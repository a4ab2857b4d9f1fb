import { Buffer } from 'node:buffer'
import { blake3 } from '@noble/hashes/blake3.js'

/** Derives `length` bytes from `material` by BLAKE3's derive_key mode, in a new buffer owned by the caller. `context` is ASCII. */
export function deriveBlake3Key(context: string, material: Uint8Array, length: number): Buffer {
  const derived = blake3(material, { context: Buffer.from(context, 'latin1'), dkLen: length })
  return Buffer.from(derived.buffer, derived.byteOffset, derived.byteLength)
}
