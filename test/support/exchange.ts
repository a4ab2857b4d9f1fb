import assert from 'node:assert/strict'
import { type Cipher, createCipheriv, createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'

const CHUNK_LENGTH = 65_536

/** Sends `toRight` and `toLeft` random bytes at once, and asserts that each side receives exactly those, by SHA-256. Neither side is ended. */
export async function exchange(
  left: Duplex,
  right: Duplex,
  { toRight, toLeft }: { readonly toRight: number; readonly toLeft: number },
): Promise<void> {
  const [sentLeft, sentRight, receivedRight, receivedLeft] = await Promise.all([
    send(left, toRight),
    send(right, toLeft),
    receive(right, toRight),
    receive(left, toLeft),
  ])
  assert.equal(receivedRight, sentLeft, `the ${toRight} bytes to the right arrive whole`)
  assert.equal(receivedLeft, sentRight, `the ${toLeft} bytes to the left arrive whole`)
}

/** Writes `length` random bytes, no faster than the stream takes them, and resolves with their SHA-256. */
export async function send(stream: Duplex, length: number): Promise<string> {
  const source: Cipher = createCipheriv('aes-128-ctr', randomBytes(16), Buffer.alloc(16))
  const zeros = Buffer.alloc(CHUNK_LENGTH)
  const hash = createHash('sha256')
  for (let left = length; left > 0; left -= CHUNK_LENGTH) {
    const chunk = source.update(zeros.subarray(0, Math.min(left, CHUNK_LENGTH)))
    hash.update(chunk)
    if (!stream.write(chunk)) await drained(stream)
  }
  return hash.digest('hex')
}

/** Reads `length` bytes and resolves with their SHA-256, the stream paused again. Rejects when it ends before or brings more. */
export async function receive(stream: Duplex, length: number): Promise<string> {
  const hash = createHash('sha256')
  let left = length
  if (left === 0) return hash.digest('hex')
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      stream.off('data', onData).off('error', onError).off('end', onEnd).off('close', onEnd)
      stream.pause()
    }
    const onData = (bytes: Buffer): void => {
      hash.update(bytes)
      left -= bytes.length
      if (left > 0) return
      settle()
      if (left === 0) resolve(hash.digest('hex'))
      else reject(new Error(`${-left} bytes more than ${length} came`))
    }
    const onError = (error: Error): void => {
      settle()
      reject(error)
    }
    const onEnd = (): void => onError(new Error(`the stream ended ${left} bytes short of ${length}`))
    stream.on('data', onData).on('error', onError).on('end', onEnd).on('close', onEnd)
    stream.resume()
  })
}

/** Reads until the end and resolves with how many bytes came and their SHA-256. Rejects with the stream's error. */
export async function receiveAll(stream: Duplex): Promise<{ readonly length: number; readonly digest: string }> {
  const hash = createHash('sha256')
  let length = 0
  stream.on('data', (bytes: Buffer) => {
    hash.update(bytes)
    length += bytes.length
  })
  stream.resume()
  if (!stream.readableEnded) await once(stream, 'end')
  return { length, digest: hash.digest('hex') }
}

/** Waits for 'close', and asserts that no error came before it. */
export async function closesWithoutError(stream: Duplex): Promise<void> {
  if (!stream.closed) await once(stream, 'close')
  assert.equal(stream.errored, null)
}

function drained(stream: Duplex): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      stream.off('drain', onDrain).off('close', onClose)
    }
    const onDrain = (): void => {
      settle()
      resolve()
    }
    const onClose = (): void => {
      settle()
      reject(new Error('the stream closed while it was written to'))
    }
    stream.on('drain', onDrain).on('close', onClose)
  })
}
