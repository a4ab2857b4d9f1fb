/** A source of random bytes: the platform's CSPRNG, or a fixed one in tests. */
export interface Random {
  /** Fills `target` whole with random bytes and returns it. */
  fill<Bytes extends Uint8Array>(target: Bytes): Bytes
}

/** Draws `length` random bytes into a new buffer owned by the caller. */
export function randomBytes(random: Random, length: number): Buffer {
  return random.fill(Buffer.allocUnsafe(length))
}

/** Draws a uniform integer from `min` to `max`, both included; their distance is below 2^32. Rejects to avoid modulo bias. */
export function uniformInteger(random: Random, min: number, max: number): number {
  const span = max - min + 1
  if (!Number.isSafeInteger(min) || span < 1 || span > 2 ** 32)
    throw new RangeError(`no uniform integer in ${min}..${max}`)
  const limit = 2 ** 32 - (2 ** 32 % span)
  for (;;) {
    const value = randomBytes(random, 4).readUInt32LE()
    if (value < limit) return min + (value % span)
  }
}

/** Draws a uniform fraction in [0, 1) with 53 bits. */
export function uniformFraction(random: Random): number {
  const bytes = randomBytes(random, 7)
  return ((bytes[6]! & 0x1f) * 2 ** 48 + bytes.readUIntLE(0, 6)) / 2 ** 53
}
