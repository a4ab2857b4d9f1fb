import type { Duplex } from 'node:stream'

/** Reads exactly `length` bytes from a paused stream, and leaves what follows in it. Rejects when the stream ends before. */
export async function readExactly(stream: Duplex, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      stream.off('readable', onReadable).off('error', onError).off('end', onEnd).off('close', onEnd)
    }
    const onReadable = (): void => {
      const bytes = stream.read(length) as Buffer | null
      if (bytes === null) return
      settle()
      if (bytes.length === length) resolve(bytes)
      else reject(new Error(`the stream ended after ${bytes.length} of ${length} bytes`))
    }
    const onError = (error: Error): void => {
      settle()
      reject(error)
    }
    const onEnd = (): void => onError(new Error(`the stream ended before ${length} bytes`))
    stream.on('readable', onReadable).on('error', onError).on('end', onEnd).on('close', onEnd)
    onReadable()
  })
}
