import { readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { isAlive, readHolder } from './process-lock.ts'

/** The name of a draft that becomes a state file when it is whole. `random` are 16 hexadecimal digits. */
export function draftName(name: string, random: string): string {
  return `${name}.${random}.tmp`
}

const DRAFT = /^(.+)\.[0-9a-f]{16}\.tmp$/
/** What follows a lock's name: tokens of the guards, and `.new` on a draft. */
const LOCK_DRAFT = /^(?:\.[0-9a-f]{16}){1,5}(?:\.new)?$/

/**
 * Removes what killed processes left in a directory: drafts of state files, which may hold a private key, and drafts and guards of the lock.
 * To be called by the holder of the lock `<slotName>.lock`, before it writes. What cannot be removed stays.
 *
 * Only a lock's holder writes state. While another lock in the directory is held its holder may be writing just now, so that only
 * drafts of `slotName` are removed then. Processes that ask for our lock have drafts too: those go only when their process is dead.
 */
export async function removeLeftovers(directory: string, slotName: string): Promise<void> {
  const lockName = `${slotName}.lock`
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name)
  const otherLocks = names.filter((name) => name.endsWith('.lock') && name !== lockName)
  const areDead = await Promise.all(otherLocks.map((name) => isHolderDead(join(directory, name))))
  const isShared = areDead.includes(false)
  const ours = await readHolder(join(directory, lockName)).catch(() => undefined)
  const ownToken = typeof ours === 'object' ? ours.token : ''
  for (const name of names) {
    const path = join(directory, name)
    const draftOf = DRAFT.exec(name)?.[1]
    const isOfLock = name.startsWith(lockName) && LOCK_DRAFT.test(name.slice(lockName.length))
    // A guard of our own token is held by somebody who takes us for dead.
    const isDead = isOfLock && !name.startsWith(`${lockName}.${ownToken}`) && (await isHolderDead(path))
    if (isDead || draftOf === slotName || (draftOf !== undefined && !isShared))
      await unlink(path).catch(() => undefined)
  }
}

/** A lock file that tells nobody is not taken for a dead one's: it may be half written. */
async function isHolderDead(path: string): Promise<boolean> {
  const holder = await readHolder(path).catch(() => undefined)
  return typeof holder === 'object' && !(await isAlive(holder))
}
