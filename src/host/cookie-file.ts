import { randomBytes } from 'node:crypto'
import { readdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type ProcessLock, acquireProcessLock, isAlive, readHolder } from '../platform/process-lock.ts'

const PREFIX = 'extended_orport_auth_cookie_'
/** Tells who uses a cookie file. It is no `.lock`, which would stand for the state of the child that has the same directory. */
const HOLDER_SUFFIX = '.holder'
/** A cookie file, its holder's, or a draft of either. */
const NAME =
  /^(?<cookie>extended_orport_auth_cookie_[0-9a-f]{16})(?<holder>\.holder)?(?<rest>(?:\.[0-9a-f]{16})*\.(?:tmp|new))?$/

/** Makes the path of a cookie file that nobody has. */
export function cookiePathIn(directory: string): string {
  return join(directory, `${PREFIX}${randomBytes(8).toString('hex')}`)
}

/**
 * Tells that this process uses a cookie file of cookiePathIn(), from before it is written until after it is removed, and removes from its
 * directory, which must be there, what killed processes left of their own. Rejects with the system's error.
 */
export async function claimCookieFile(path: string): Promise<ProcessLock> {
  await removeLeftCookies(dirname(path))
  return await acquireProcessLock(`${path}${HOLDER_SUFFIX}`)
}

/** What cannot be removed stays. */
async function removeLeftCookies(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  // A holder's file goes last: a cookie without one is a dead process's, since it is there before the cookie and after it.
  for (const name of names.toSorted((left, right) => rankOf(left) - rankOf(right))) {
    const { cookie, holder, rest } = NAME.exec(name)?.groups ?? {}
    if (cookie === undefined) continue
    const told = holder !== undefined && rest !== undefined ? name : `${cookie}${HOLDER_SUFFIX}`
    if (await isLeft(join(directory, told))) await unlink(join(directory, name)).catch(() => undefined)
  }
}

function rankOf(name: string): number {
  return name.includes(HOLDER_SUFFIX) ? 1 : 0
}

/** What tells nobody may be half written. */
async function isLeft(holderPath: string): Promise<boolean> {
  const holder = await readHolder(holderPath).catch(() => 'unreadable' as const)
  if (holder === undefined) return true
  return typeof holder === 'object' && !(await isAlive(holder))
}
