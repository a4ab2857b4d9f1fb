import { type FileHandle, access, constants, open } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { PtError } from '../core/errors.ts'
import type { SlotFile, StateDirectory, Store } from '../core/platform.ts'
import { removeLeftovers } from './leftovers.ts'
import { makeDirectories } from './make-directories.ts'
import { replaceFile } from './replace-file.ts'
import { makePrivate } from './private-mode.ts'
import { acquireProcessLock } from './process-lock.ts'
import { LockedSlotFile, slotHandleOf } from './slot-file.ts'

const DIRECTORY_MODE = 0o700
const MOST_READ_LENGTH = 1024 * 1024

/**
 * Keeps state in directories of the file system. What exists already is made private when it is opened; what killed processes left in a
 * directory is removed with the opening of a slot file, whose lock stands for the directory: without it, replace nothing there.
 */
export const fileStore: Store = Object.freeze({
  directory: async (path: string): Promise<StateDirectory> => {
    const absolute = resolve(path)
    try {
      makeDirectories(absolute, DIRECTORY_MODE)
      await access(absolute, constants.R_OK | constants.W_OK | constants.X_OK)
      await makeDirectoryPrivate(absolute)
    } catch (cause) {
      throw new PtError('PT_STATE_UNUSABLE', `The state directory ${absolute} cannot be made or written to`, { cause })
    }
    return new FileDirectory(absolute)
  },
})

class FileDirectory implements StateDirectory {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  async read(name: string): Promise<Buffer | undefined> {
    const path = this.#join(name)
    let file: FileHandle
    try {
      // Non-blocking, since opening a FIFO would wait for its writer.
      file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    } catch (error) {
      if (isMissing(error)) return undefined
      throw error
    }
    try {
      await makePrivate(file, path)
      const content = await readUpTo(file, MOST_READ_LENGTH)
      if (content === undefined) throw new PtError('PT_STATE_CORRUPT', `The state file ${path} is longer than 1 MiB`)
      return content
    } finally {
      await file.close()
    }
  }

  async replace(name: string, content: Uint8Array | string): Promise<void> {
    await replaceFile(this.#join(name), content)
  }

  async openSlots(name: string, length: number, create: () => Buffer): Promise<SlotFile> {
    const path = this.#join(name)
    const lock = await acquireProcessLock(`${path}.lock`)
    let file: FileHandle | undefined
    try {
      await removeLeftovers(this.#path, name)
      file = await this.#openOrCreate(name, length, create)
      await makePrivate(file, path)
      const initial = await readUpTo(file, length)
      if (initial?.length !== length)
        throw new PtError(
          'PT_STATE_CORRUPT',
          `The state file ${path} does not have the ${length} bytes it was made with`,
        )
      return new LockedSlotFile(slotHandleOf(file), lock, initial)
    } catch (error) {
      await file?.close()
      await lock.release()
      throw error
    }
  }

  async #openOrCreate(name: string, length: number, create: () => Buffer): Promise<FileHandle> {
    const path = this.#join(name)
    try {
      return await open(path, 'r+')
    } catch (error) {
      if (!isMissing(error)) throw error
    }
    const content = create()
    if (content.length !== length) throw new RangeError(`${name} was to be made with ${length} bytes`)
    // Every byte is written, zeros too: blocks that the file has already cannot be missing when the disk is full. (File systems that
    // copy on write are the exception.)
    await this.replace(name, content)
    return open(path, 'r+')
  }

  #join(name: string): string {
    if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name))
      throw new RangeError('a state file needs a plain file name')
    return join(this.#path, name)
  }
}

async function makeDirectoryPrivate(path: string): Promise<void> {
  // Windows opens no directory, and has no modes.
  if (constants.O_DIRECTORY === undefined) return
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await makePrivate(directory, path)
  } finally {
    await directory.close()
  }
}

/** Reads the whole file; undefined where it has more than `mostLength` bytes. */
async function readUpTo(file: FileHandle, mostLength: number): Promise<Buffer | undefined> {
  const { size } = await file.stat()
  if (size > mostLength) return undefined
  // With room for one byte more, which tells a file that has grown since.
  const buffer = Buffer.alloc(size + 1)
  let length = 0
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, length)
    if (bytesRead === 0) return buffer.subarray(0, length)
    length += bytesRead
  }
  return undefined
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
