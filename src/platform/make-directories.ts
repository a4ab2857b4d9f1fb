import { mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

/**
 * Makes a directory, and those above it that are missing, each with `mode`; one that is there stays as it is. Throws the system's error. Node's recursive
 * mkdir never returns where the system answers ENOENT under a directory that exists, as /proc does.
 */
export function makeDirectories(path: string, mode: number): void {
  const missing: string[] = []
  let at = resolve(path)
  while (statSync(at, { throwIfNoEntry: false }) === undefined && dirname(at) !== at) {
    missing.unshift(at)
    at = dirname(at)
  }
  for (const directory of missing) makeUnlessThere(directory, mode)
  // What is there and no directory is refused as mkdir refuses it.
  if (!statSync(path).isDirectory()) mkdirSync(path)
}

function makeUnlessThere(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    // Somebody else has made it meanwhile.
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}
