import type { Duplex } from 'node:stream'
import type { Decoder } from '../wire/decoding.ts'

/**
 * Reads one message from a stream and leaves the stream paused, the bytes that follow in it. The decoder bounds the message's length. Rejects when
 * the bytes are malformed (EPROTO) or the stream ends before the message does (ECONNRESET), or with the stream's error.
 */
export function readMessage<Value>(stream: Duplex, decode: Decoder<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    let held: Buffer = Buffer.alloc(0)
    const settle = (): void => {
      stream.pause()
      stream.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', onError)
    }
    const onError = (error: Error): void => {
      settle()
      reject(error)
    }
    const onEnd = (): void => onError(failure('ECONNRESET', 'the stream ended within a message'))
    const onData = (bytes: Buffer): void => {
      held = held.length === 0 ? bytes : Buffer.concat([held, bytes])
      const decoding = decode(held)
      if (decoding === 'incomplete') return
      if (decoding === 'malformed') return onError(failure('EPROTO', 'the message is malformed'))
      settle()
      if (decoding.length < held.length) stream.unshift(held.subarray(decoding.length))
      resolve(decoding.value)
    }
    stream.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onError)
    if (stream.readableEnded || stream.destroyed) onEnd()
    else stream.resume()
  })
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
