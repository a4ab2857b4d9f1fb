/** How a method's bytes are made: the AEAD construction of 2017, or SIP022 of 2022. */
export type Edition = '2017' | '2022'

/** Ciphers of node:crypto; all have nonces of 12 bytes and tags of 16. */
export type Cipher = 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305'

export interface Method {
  readonly name: MethodName
  readonly edition: Edition
  readonly cipher: Cipher
  /** Length of keys and salts in bytes. */
  readonly keyLength: 16 | 32
}

export const METHOD_NAMES = [
  'aes-128-gcm',
  'aes-256-gcm',
  'chacha20-ietf-poly1305',
  '2022-blake3-aes-128-gcm',
  '2022-blake3-aes-256-gcm',
] as const

export type MethodName = (typeof METHOD_NAMES)[number]

/** Every method that both sides speak. */
export const METHODS: Readonly<Record<MethodName, Method>> = Object.freeze({
  'aes-128-gcm': method('aes-128-gcm', '2017', 'aes-128-gcm'),
  'aes-256-gcm': method('aes-256-gcm', '2017', 'aes-256-gcm'),
  'chacha20-ietf-poly1305': method('chacha20-ietf-poly1305', '2017', 'chacha20-poly1305'),
  '2022-blake3-aes-128-gcm': method('2022-blake3-aes-128-gcm', '2022', 'aes-128-gcm'),
  '2022-blake3-aes-256-gcm': method('2022-blake3-aes-256-gcm', '2022', 'aes-256-gcm'),
})

function method(name: MethodName, edition: Edition, cipher: Cipher): Method {
  return Object.freeze({ name, edition, cipher, keyLength: cipher === 'aes-128-gcm' ? 16 : 32 })
}
