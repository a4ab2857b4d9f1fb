import { PtError } from '../core/errors.ts'
import type { SlotFile, StateDirectory, Store } from '../core/platform.ts'
import { systemError } from './memory-stream.ts'

/** What a MemoryStore can be told to fail in. */
export type StoreOperation = 'directory' | 'read' | 'replace' | 'openSlots' | 'write'

/** A Store in memory, whose failures a test injects. It outlives the factories that use it: a restart is a second factory over it. */
export class MemoryStore implements Store {
  /** Path of a file, its directory and name joined by a slash, to its content. */
  readonly files = new Map<string, Buffer>()
  readonly #locked = new Set<string>()
  readonly #failures = new Map<StoreOperation, Error>()

  /** Slot files that are open, and so locked. */
  get lockCount(): number {
    return this.#locked.size
  }

  /** Makes every `operation` fail from now on, with `error`; undefined ends the failure. */
  fail(operation: StoreOperation, error: Error | undefined = systemError('EIO', operation)): void {
    this.#failures.set(operation, error)
  }

  /** Ends every injected failure. */
  heal(): void {
    this.#failures.clear()
  }

  /** Makes whatever writes fail with ENOSPC. */
  fillDisk(): void {
    for (const operation of ['replace', 'openSlots', 'write'] as const)
      this.fail(operation, systemError('ENOSPC', 'write'))
  }

  /** Forgets who holds which lock, as the death of their process does. */
  dropLocks(): void {
    this.#locked.clear()
  }

  /** Locks a slot file for somebody else, until dropLocks(). */
  lock(path: string): void {
    this.#locked.add(path)
  }

  async directory(path: string): Promise<StateDirectory> {
    await Promise.resolve()
    const failure = this.#failures.get('directory')
    if (failure !== undefined)
      throw new PtError('PT_STATE_UNUSABLE', 'The state directory cannot be used', { cause: failure })
    return {
      read: async (name) => {
        await this.#step('read')
        const content = this.files.get(`${path}/${name}`)
        return content === undefined ? undefined : Buffer.from(content)
      },
      replace: async (name, content) => {
        await this.#step('replace')
        this.files.set(`${path}/${name}`, typeof content === 'string' ? Buffer.from(content) : Buffer.from(content))
      },
      openSlots: (name, length, create) => this.#openSlots(`${path}/${name}`, length, create),
    }
  }

  async #openSlots(path: string, length: number, create: () => Buffer): Promise<SlotFile> {
    await this.#step('openSlots')
    if (this.#locked.has(path)) throw new PtError('PT_STATE_LOCKED', 'Another process holds the state directory')
    const content = this.files.get(path) ?? Buffer.from(create())
    if (content.length !== length) throw new PtError('PT_STATE_CORRUPT', 'A state file has a wrong length')
    this.files.set(path, content)
    this.#locked.add(path)
    return {
      initial: Buffer.from(content),
      write: async (position, bytes) => {
        await this.#step('write')
        if (position < 0 || position + bytes.length > length) throw new RangeError('a slot outside its file')
        content.set(bytes, position)
      },
      close: () => {
        this.#locked.delete(path)
        return Promise.resolve()
      },
    }
  }

  async #step(operation: StoreOperation): Promise<void> {
    await Promise.resolve()
    const failure = this.#failures.get(operation)
    if (failure !== undefined) throw failure
  }
}
