import type { FileHandle } from 'node:fs/promises'

/** What of a FileHandle is needed; tests make their own. */
export type ModeHandle = Pick<FileHandle, 'stat' | 'chmod'>

const OTHERS_BITS = 0o077
const STICKY_BIT = 0o1000
/** Windows has no such bits: Node makes them up. */
const HAS_MODES = process.platform !== 'win32'

/**
 * Takes from an open file or directory what its mode gives to others than its owner; nothing is ever added. A directory with the sticky
 * bit is others' too (/tmp), and keeps its mode.
 *
 * Where the system refuses (another owner, a file system without modes) the state is still used, and a process warning with the code
 * PT_STATE_MODE names `path`: a bridge in a mounted volume must come up.
 */
export async function makePrivate(handle: ModeHandle, path: string): Promise<void> {
  if (!HAS_MODES) return
  const status = await handle.stat()
  const { mode } = status
  if ((mode & OTHERS_BITS) === 0 || !(status.isFile() || status.isDirectory())) return
  if (status.isDirectory() && (mode & STICKY_BIT) !== 0) {
    warn(path, 'is shared with every user')
    return
  }
  try {
    await handle.chmod(mode & 0o7777 & ~OTHERS_BITS)
  } catch {
    warn(path, 'is open to other users, and its mode cannot be changed')
  }
}

function warn(path: string, what: string): void {
  process.emitWarning(`The state in ${path} may hold a private key: it ${what}`, { code: 'PT_STATE_MODE' })
}
