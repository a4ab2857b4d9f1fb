/**
 * The published detector of fully encrypted traffic: Wu et al., "How the Great Firewall of China Detects and Blocks Fully
 * Encrypted Traffic", USENIX Security 2023, section 4. It blocks a connection by its first segment unless one of five rules
 * exempts it. The fifth, that it begins as TLS or HTTP, is left out: a hello begins with 32 random bytes.
 */

/** Ex1: exempt with at most 3.4 set bits per byte, or at least 4.6. */
export const MAX_LOW_BITS_PER_BYTE = 3.4
const MIN_HIGH_BITS_PER_BYTE = 4.6
/** Ex2: exempt when the first six bytes are printable. */
const PRINTABLE_START_LENGTH = 6
/** Ex4: exempt with more than 20 printable bytes in a row. */
export const MAX_PRINTABLE_RUN = 20

export const FIRST_PRINTABLE = 0x20
export const PRINTABLE_COUNT = 0x7e - FIRST_PRINTABLE + 1

const SET_BITS = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)

/** Counts the set bits of one byte. */
export function countBits(byte: number): number {
  return SET_BITS[byte]!
}

/** Says whether a byte is printable ASCII. */
export function isPrintable(byte: number): boolean {
  return byte >= FIRST_PRINTABLE && byte < FIRST_PRINTABLE + PRINTABLE_COUNT
}

/** Says whether the detector exempts every first segment of `from` bytes to `to` bytes that `bytes` can be cut into. */
export function exemptsEverySegment(bytes: Uint8Array, from: number, to: number): boolean {
  let bits = 0
  let printable = 0
  let run = 0
  let longestRun = 0
  for (let length = 1; length <= to; length++) {
    const byte = bytes[length - 1]!
    bits += countBits(byte)
    printable += Number(isPrintable(byte))
    run = isPrintable(byte) ? run + 1 : 0
    longestRun = Math.max(longestRun, run)
    if (longestRun > MAX_PRINTABLE_RUN || (length === PRINTABLE_START_LENGTH && run === length)) return true
    const byDensity = bits <= MAX_LOW_BITS_PER_BYTE * length || bits >= MIN_HIGH_BITS_PER_BYTE * length
    // Ex3: more than half of the bytes are printable.
    if (length >= from && !byDensity && printable * 2 <= length) return false
  }
  return true
}
