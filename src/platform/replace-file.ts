import { randomBytes } from 'node:crypto'
import { open, rename, unlink } from 'node:fs/promises'
import { draftName } from './leftovers.ts'

/** For its owner alone. */
const FILE_MODE = 0o600

/**
 * Replaces a file atomically by one that its owner alone may read and write: written as a draft beside it, synced, renamed. A failure leaves
 * the old one as it was, and rejects with the system's error.
 */
export async function replaceFile(path: string, content: Uint8Array | string): Promise<void> {
  const draft = draftName(path, randomBytes(8).toString('hex'))
  const file = await open(draft, 'wx', FILE_MODE)
  try {
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    // The first failure is the one to tell.
    await unlink(draft).catch(() => undefined)
    throw error
  }
}
