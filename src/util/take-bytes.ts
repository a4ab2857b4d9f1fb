/**
 * Takes the first `length` bytes off a list of chunks, which it shortens; the chunk at the border is cut into two views of its memory.
 * Takes all where there are fewer.
 */
export function takeBytes(chunks: Uint8Array[], length: number): Uint8Array[] {
  const taken: Uint8Array[] = []
  let missing = length
  while (missing > 0 && chunks.length > 0) {
    const chunk = chunks[0]!
    if (chunk.byteLength <= missing) {
      taken.push(chunk)
      chunks.shift()
    } else {
      taken.push(chunk.subarray(0, missing))
      chunks[0] = chunk.subarray(missing)
    }
    missing -= chunk.byteLength
  }
  return taken
}

/** Adds up the bytes of chunks. */
export function byteLengthOf(chunks: readonly Uint8Array[]): number {
  let length = 0
  for (const chunk of chunks) length += chunk.byteLength
  return length
}
