import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProcessOwner } from './managed-process.ts'

/** Makes an empty directory that is removed when its owner ends. */
export async function temporaryDirectory(owner: ProcessOwner): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'pluggable-transports-'))
  owner.after(() => rm(path, { recursive: true, force: true }))
  return path
}
