import { writeSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import type { SlotFile } from '../core/platform.ts'
import type { ProcessLock } from './process-lock.ts'

/** What is written to: an open file, of which tests make their own. Both report the system's error. */
export interface SlotHandle {
  write(bytes: Buffer, position: number, done: (error: Error | null, writtenLength: number) => void): void
  close(): Promise<void>
}

/**
 * Writes to an open file, which it takes over, within the call. It is a few bytes into pages that the system holds, 2 µs; by the thread pool,
 * two threads take turns for it, and it may wait there behind lookups of names.
 */
export function slotHandleOf(file: FileHandle): SlotHandle {
  return {
    write(bytes, position, done) {
      let writtenLength: number
      try {
        writtenLength = writeSync(file.fd, bytes, 0, bytes.length, position)
      } catch (error) {
        return done(error as Error, 0)
      }
      done(null, writtenLength)
    },
    close: () => file.close(),
  }
}

/** A file of fixed length under a lock. Writes go one after the other, so that the last one given to a position stays. */
export class LockedSlotFile implements SlotFile {
  readonly initial: Buffer
  readonly #file: SlotHandle
  readonly #lock: ProcessLock
  readonly #length: number
  /** Resolves when everything given so far has been written, or failed; undefined while there is nothing. */
  #busy: Promise<void> | undefined
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
    // At once where nothing is under way: who gives it does not wait for the end of its turn, and works on meanwhile.
    const written = this.#busy?.then(() => this.#writeWhole(position, copy)) ?? this.#writeWhole(position, copy)
    const busy = written.then(ignore, ignore).then(() => {
      if (this.#busy === busy) this.#busy = undefined
    })
    this.#busy = busy
    return written
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#busy
    try {
      await this.#file.close()
    } finally {
      await this.#lock.release()
    }
  }

  /** Writes until nothing is left: a signal or a quota may cut one call short. */
  #writeWhole(position: number, bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const writeOn = (done: number): void => {
        this.#file.write(bytes.subarray(done), position + done, (error, writtenLength) => {
          if (error !== null) reject(error)
          else if (done + writtenLength < bytes.length) writeOn(done + writtenLength)
          else resolve()
        })
      }
      writeOn(0)
    })
  }
}

function ignore(): void {}
