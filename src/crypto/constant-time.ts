import { timingSafeEqual } from 'node:crypto'

/** Compares two byte strings in time that depends on their lengths only; strings of different lengths differ. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
