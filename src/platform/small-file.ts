import { type Stats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { open } from 'node:fs/promises'

/** Without waiting, as opening a FIFO would. */
const FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

/**
 * Reads a regular file whole, in a buffer owned by the caller; never waits for a writer. Rejects with the system's error, or RangeError
 * for what is no regular file and for one of more than `mostLength` bytes; its message does not name the file.
 */
export async function readSmallFile(path: string, mostLength: number): Promise<Buffer> {
  const file = await open(path, FLAGS)
  try {
    refuseSpecial(await file.stat())
    const buffer = Buffer.alloc(mostLength + 1)
    let length = 0
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null)
      if (bytesRead === 0) return buffer.subarray(0, length)
      length += bytesRead
    }
    throw tooLong(mostLength)
  } finally {
    await file.close()
  }
}

/** Does the same as readSmallFile() at once, for what is read before anything runs; throws what that rejects with. */
export function readSmallFileSync(path: string, mostLength: number): Buffer {
  const file = openSync(path, FLAGS)
  try {
    refuseSpecial(fstatSync(file))
    const buffer = Buffer.alloc(mostLength + 1)
    let length = 0
    while (length < buffer.length) {
      const readLength = readSync(file, buffer, length, buffer.length - length, null)
      if (readLength === 0) return buffer.subarray(0, length)
      length += readLength
    }
    throw tooLong(mostLength)
  } finally {
    closeSync(file)
  }
}

/** Devices and pipes have no end, or none that is known; for a directory the system has its own error. */
function refuseSpecial(stats: Stats): void {
  if (!stats.isFile() && !stats.isDirectory()) throw new RangeError('it is no regular file')
}

function tooLong(mostLength: number): RangeError {
  return new RangeError(`it has more than ${mostLength} bytes`)
}
