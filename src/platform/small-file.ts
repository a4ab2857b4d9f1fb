import { constants, open } from 'node:fs/promises'

/**
 * Reads a file whole, in a buffer owned by the caller; never waits, as opening a FIFO would. Rejects with the system's error, or RangeError
 * for a file of more than `mostLength` bytes.
 */
export async function readSmallFile(path: string, mostLength: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    const buffer = Buffer.alloc(mostLength + 1)
    let length = 0
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null)
      if (bytesRead === 0) return buffer.subarray(0, length)
      length += bytesRead
    }
    throw new RangeError(`the file has more than ${mostLength} bytes`)
  } finally {
    await file.close()
  }
}
