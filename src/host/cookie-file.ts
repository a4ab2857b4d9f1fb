import { randomBytes } from 'node:crypto'
import { mkdir, readFile, readdir, rm, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { replaceFile } from '../platform/replace-file.ts'
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

/** The cookie file of one Extended ORPort of ours. */
export class CookieFile {
  readonly #path: string
  readonly #isOwn: boolean
  #claim: ProcessLock | undefined
  #content: Buffer | undefined

  /** `isOwnFile` says that the path is one of cookiePathIn(), which nobody else uses. */
  constructor({ cookieFile, isOwnFile = false }: { readonly cookieFile: string; readonly isOwnFile?: boolean }) {
    this.#path = cookieFile
    this.#isOwn = isOwnFile
  }

  /** Keeps what is to be written. */
  prepare(content: Buffer): void {
    this.#content = content
  }

  /** Writes it, for its owner alone, in place of what is there. Rejects with the system's error, and leaves nothing of its own behind then. */
  async write(): Promise<void> {
    const directory = dirname(this.#path)
    await mkdir(directory, { recursive: true, mode: 0o700 })
    if (this.#isOwn) this.#claim = await claimCookieFile(this.#path)
    try {
      await replaceFile(this.#path, this.#content!)
    } catch (error) {
      // The first failure is the one to tell.
      await this.#claim?.release().catch(() => undefined)
      throw error
    }
  }

  /** Removes it, unless another has been put in its place. */
  async remove(): Promise<void> {
    try {
      const present = await readFile(this.#path).catch(() => undefined)
      if (present?.equals(this.#content!) === true) await rm(this.#path, { force: true })
    } finally {
      await this.#claim?.release()
    }
  }
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
