import { SECRET_LENGTH } from './constants.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
const BITS_PER_CHARACTER = 5
const PASSWORD_LENGTH = (SECRET_LENGTH * 8) / BITS_PER_CHARACTER

/**
 * Parses a password to the 20 bytes of k_B, in a new buffer; undefined unless it has 32 characters of Base32 (RFC 4648). Lower case is taken, and 1 and 0 for
 * I and O, since people type passwords.
 */
export function parsePassword(text: string): Buffer | undefined {
  const characters = text.toUpperCase().replaceAll('1', 'I').replaceAll('0', 'O')
  // Of both: the upper case of some letters is longer, and that of others is one of these.
  if (text.length !== PASSWORD_LENGTH || characters.length !== PASSWORD_LENGTH) return undefined
  const secret = Buffer.alloc(SECRET_LENGTH)
  let bits = 0
  let bitCount = 0
  let length = 0
  for (const character of characters) {
    const value = ALPHABET.indexOf(character)
    if (value === -1) return undefined
    bits = ((bits << BITS_PER_CHARACTER) | value) & 0xfff
    bitCount += BITS_PER_CHARACTER
    if (bitCount < 8) continue
    bitCount -= 8
    secret[length++] = bits >>> bitCount
  }
  return length === SECRET_LENGTH ? secret : undefined
}

/** Formats the 20 bytes of k_B as 32 characters of Base32. */
export function formatPassword(secret: Uint8Array): string {
  let text = ''
  let bits = 0
  let bitCount = 0
  for (const byte of secret) {
    bits = ((bits << 8) | byte) & 0xfff
    bitCount += 8
    while (bitCount >= BITS_PER_CHARACTER) {
      bitCount -= BITS_PER_CHARACTER
      text += ALPHABET[(bits >>> bitCount) & 0x1f]
    }
  }
  return text
}
