import { Buffer } from 'node:buffer'
import {
  type CipherGCMTypes,
  type CipherChaCha20Poly1305Types,
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
} from 'node:crypto'
import type { Cipher } from './methods.ts'

export const TAG_LENGTH = 16
const NONCE_LENGTH = 12
const OPTIONS = Object.freeze({ authTagLength: TAG_LENGTH })

/** Seals one message into `target` from `at` on: ciphertext, then the tag. Returns where it ends. */
export function sealInto(
  { cipher, key, nonce }: { readonly cipher: Cipher; readonly key: KeyObject; readonly nonce: Uint8Array },
  pieces: readonly Uint8Array[],
  target: Buffer,
  at: number,
): number {
  // node:crypto's types tell the two kinds of AEAD apart; they are used alike.
  const sealing = createCipheriv(cipher as CipherGCMTypes & CipherChaCha20Poly1305Types, key, nonce, OPTIONS)
  let end = at
  for (const piece of pieces) {
    const sealed = sealing.update(piece)
    target.set(sealed, end)
    end += sealed.length
  }
  sealing.final()
  target.set(sealing.getAuthTag(), end)
  return end + TAG_LENGTH
}

/** Opens one message, ciphertext and tag, to a new buffer owned by the caller; undefined where it is not genuine. */
export function openBox(
  { cipher, key, nonce }: { readonly cipher: Cipher; readonly key: KeyObject; readonly nonce: Uint8Array },
  box: Uint8Array,
): Buffer | undefined {
  const opening = createDecipheriv(cipher as CipherGCMTypes & CipherChaCha20Poly1305Types, key, nonce, OPTIONS)
  const end = box.length - TAG_LENGTH
  opening.setAuthTag(box.subarray(end))
  const opened = opening.update(box.subarray(0, end))
  try {
    opening.final()
  } catch {
    return undefined
  }
  return opened
}

/** The AEAD of one direction of a stream: its nonce is a little-endian counter of the operations. */
export class CountingAead {
  readonly #cipher: Cipher
  readonly #key: KeyObject
  readonly #nonce = Buffer.alloc(NONCE_LENGTH)

  /** Copies the key. */
  constructor(cipher: Cipher, key: Uint8Array) {
    this.#cipher = cipher
    this.#key = createSecretKey(key)
  }

  /** Seals the next message into `target` from `at` on; returns where it ends, TAG_LENGTH after the message's own length. */
  seal(pieces: readonly Uint8Array[], target: Buffer, at: number): number {
    const end = sealInto({ cipher: this.#cipher, key: this.#key, nonce: this.#nonce }, pieces, target, at)
    this.#count()
    return end
  }

  /** Opens the next message to a new buffer; undefined where it is not genuine. */
  open(box: Uint8Array): Buffer | undefined {
    const opened = openBox({ cipher: this.#cipher, key: this.#key, nonce: this.#nonce }, box)
    this.#count()
    return opened
  }

  #count(): void {
    for (let index = 0; index < NONCE_LENGTH; index++) {
      this.#nonce[index]! += 1
      if (this.#nonce[index] !== 0) return
    }
  }
}
