import { Buffer } from 'node:buffer'
import { createHash, hkdfSync } from 'node:crypto'
import { deriveBlake3Key } from '../../crypto/blake3.ts'
import type { Method } from './methods.ts'

/** What both sides know: a method and its key. */
export interface Secret {
  readonly method: Method
  /** As long as the method's keys. */
  readonly key: Buffer
}

const SUBKEY_INFO = 'ss-subkey'
const SUBKEY_CONTEXT = 'shadowsocks 2022 session subkey'
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/

/**
 * Makes the key of a password. In 2017 that is EVP_BytesToKey with MD5, one round, without a salt; in 2022 the password is the key itself, in standard Base64,
 * and undefined is returned where that does not give exactly the method's length (SIP022 §2.1).
 */
export function keyOf(method: Method, password: string): Buffer | undefined {
  return method.edition === '2017' ? stretchPassword(password, method.keyLength) : parsePsk(password, method.keyLength)
}

/** Derives a session's key from its salt, in a new buffer: HKDF-SHA1 in 2017, BLAKE3 in 2022. */
export function subkeyOf({ method, key }: Secret, salt: Uint8Array): Buffer {
  if (method.edition === '2022') return deriveBlake3Key(SUBKEY_CONTEXT, Buffer.concat([key, salt]), method.keyLength)
  return Buffer.from(hkdfSync('sha1', key, salt, SUBKEY_INFO, method.keyLength))
}

function stretchPassword(password: string, length: number): Buffer {
  const bytes = Buffer.from(password)
  const digests: Buffer[] = []
  for (let made = 0; made < length; made += digests.at(-1)!.length) {
    const hash = createHash('md5')
    if (digests.length > 0) hash.update(digests.at(-1)!)
    digests.push(hash.update(bytes).digest())
  }
  return Buffer.concat(digests, length)
}

function parsePsk(text: string, length: number): Buffer | undefined {
  const key = BASE64.test(text) ? Buffer.from(text, 'base64') : undefined
  return key?.length === length && key.toString('base64').replaceAll('=', '') === text.replaceAll('=', '')
    ? key
    : undefined
}
