import { makeDirectories } from './make-directories.ts'

const PRIVATE_MODE = 0o700

/** Makes a directory for its owner alone, with those above it, where it is not there; returns the code of what went wrong. */
export function makeStateDirectorySync(path: string): string | undefined {
  try {
    makeDirectories(path, PRIVATE_MODE)
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'failed'
  }
}
