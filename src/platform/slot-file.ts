import type { FileHandle } from 'node:fs/promises'
import type { SlotFile } from '../core/platform.ts'
import type { ProcessLock } from './process-lock.ts'

/** What is written to: a FileHandle, of which tests make their own. */
export type SlotHandle = Pick<FileHandle, 'write' | 'close'>

/** A file of fixed length under a lock. Writes go one after the other, so that the last one given to a position stays. */
export class LockedSlotFile implements SlotFile {
  readonly initial: Buffer
  readonly #file: SlotHandle
  readonly #lock: ProcessLock
  readonly #length: number
  /** Resolves when everything given so far has been written, or failed. */
  #idle: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined

  /** Takes over the open file, its lock, and its whole content. */
  constructor(file: SlotHandle, lock: ProcessLock, initial: Buffer) {
    this.#file = file
    this.#lock = lock
    this.#length = initial.length
    this.initial = initial
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    if (!Number.isInteger(position) || position < 0 || position + bytes.length > this.#length)
      throw new RangeError('a slot is written within its file')
    if (this.#closed !== undefined) throw new Error('the slot file is closed')
    const copy = Buffer.from(bytes)
    const written = this.#idle.then(() => this.#writeWhole(position, copy))
    this.#idle = written.catch(() => undefined)
    return written
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#idle
    try {
      await this.#file.close()
    } finally {
      await this.#lock.release()
    }
  }

  /** Writes until nothing is left: a signal or a quota may cut one call short. */
  async #writeWhole(position: number, bytes: Buffer): Promise<void> {
    let done = 0
    while (done < bytes.length) {
      const { bytesWritten } = await this.#file.write(bytes, done, bytes.length - done, position + done)
      done += bytesWritten
    }
  }
}
