import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { ProcessOwner } from './managed-process.ts'

const leftovers = new Set<string>()

/** Makes an empty directory that is removed when its owner ends. */
export async function temporaryDirectory(owner: ProcessOwner): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'pluggable-transports-'))
  if (leftovers.size === 0) process.once('exit', removeLeftovers)
  leftovers.add(path)
  // node:test runs after() hooks in the order in which they were given: a process that was started later may still write to it,
  // and what it leaves goes with this process.
  owner.after(() => rm(path, { recursive: true, force: true }).catch(() => {}))
  return path
}

function removeLeftovers(): void {
  for (const path of leftovers) rmSync(path, { recursive: true, force: true, maxRetries: 5 })
}
