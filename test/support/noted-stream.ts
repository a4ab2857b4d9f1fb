import type { MemoryStream } from '../../src/testing/memory-stream.ts'

/** A setting of a socket, as it was made. */
export type SettingCall = readonly [name: 'setNoDelay' | 'setKeepAlive', ...args: readonly unknown[]]

/** Adds each setting that is made on a stream from now on to `calls`; returns the stream. */
export function noteSettings(stream: MemoryStream, calls: SettingCall[]): MemoryStream {
  for (const name of ['setNoDelay', 'setKeepAlive'] as const) {
    stream[name] = (...args: readonly unknown[]) => {
      calls.push([name, ...args])
      return stream
    }
  }
  return stream
}
