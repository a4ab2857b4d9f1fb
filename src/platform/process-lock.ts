import { randomBytes } from 'node:crypto'
import { type FileHandle, copyFile, constants, link, open, readFile, rename, unlink } from 'node:fs/promises'
import { PtError } from '../core/errors.ts'

/**
 * An exclusive lock among processes, as a file: Node has no flock. The file tells who holds it. One whose holder is dead is taken
 * over at once, so that kill -9 costs no waiting.
 *
 * A lock appears whole: it is written under another name, then linked. A dead holder's lock t is taken over under a guard, a lock of
 * its own whose name contains t's token. Only its holder may replace t, and t's own holder is dead; so t is still there when the
 * guard's holder has looked again, and is replaced by a rename. Who comes too late finds another token there and lets the guard go. A
 * guard whose holder died is taken over in the same way.
 *
 * What is left: processes that do not see each other (containers with PID namespaces of their own, two machines on one network file
 * system) take each other for dead and must not share a directory; and where there is no /proc, a PID in use by another process
 * keeps a dead holder's lock until somebody removes it.
 */
export interface ProcessLock {
  /** Removes the lock. */
  release(): Promise<void>
}

/** Who holds a lock, as its file tells. */
export interface Holder {
  readonly pid: number
  /** Clock ticks from boot to the start of the process, which tells a PID used again; '' where there is no /proc. */
  readonly started: string
  /** The boot's id, since ticks start again with each; '' where there is none. */
  readonly boot: string
  /** Tells one lock from any other. */
  readonly token: string
}

/** A lock as its file stands: enough to let it go. */
export interface LockName {
  readonly path: string
  readonly token: string
}

let onTake: (lock: LockName) => void = () => {}

/**
 * Has this thread tell of every lock just before it takes it. A thread that is terminated leaves its locks behind in a process that lives
 * on, and with them a state that nobody else may use: who ended it passes them to releaseLock().
 */
export function watchLocks(watcher: (lock: LockName) => void): void {
  onTake = watcher
}

/** Removes a lock unless somebody else holds it, or nobody. */
export async function releaseLock({ path, token }: LockName): Promise<void> {
  // Somebody may have removed the file by hand and another process taken the lock: that one stays.
  if (await holds(path, token)) await ignoring('ENOENT', unlink(path))
}

/** A guard's guard's guard is one process killed within microseconds after another: enough. */
const MOST_GUARDS_COUNT = 4
/** How often the lock may be gone, or another's, by the time we look again. */
const MOST_ATTEMPTS_COUNT = 16
const HOLDER_LINE = /^pid=(\d{1,10}) started=(\d*) boot=([0-9a-f-]*) token=([0-9a-f]{16})\n$/
/** What link() fails with on file systems without hard links, or where a sandbox forbids them. */
const NO_LINK_CODES: ReadonlySet<unknown> = new Set(['EPERM', 'EACCES', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'])

/** Takes the lock. Rejects with PT_STATE_LOCKED while a living process has it, this one included, or else with the system's error. */
export async function acquireProcessLock(path: string): Promise<ProcessLock> {
  return acquire(path, path, MOST_GUARDS_COUNT)
}

/** Takes the lock `path`, which is `toldPath` or one of the guards of its take-over. */
async function acquire(path: string, toldPath: string, guardsLeftCount: number): Promise<ProcessLock> {
  const own = await describeSelf()
  const draft = `${path}.${own.token}.new`
  onTake({ path, token: own.token })
  await writeDraft(draft, own)
  try {
    for (let attempt = 0; attempt < MOST_ATTEMPTS_COUNT; attempt++) {
      if (await placeDraft(draft, path)) return new FileLock(path, own.token)
      const holder = await readHolder(path)
      if (holder === undefined) continue
      if (holder === 'unreadable')
        throw lockedError(`The lock ${path} cannot be read; remove it if no process uses this state`)
      if (guardsLeftCount === 0 || (await isAlive(holder))) throw heldError(toldPath, holder.pid)
      const guard = await acquire(`${path}.${holder.token}`, toldPath, guardsLeftCount - 1)
      try {
        if (!(await holds(path, holder.token))) continue
        await rename(draft, path)
        return new FileLock(path, own.token)
      } finally {
        await guard.release()
      }
    }
    throw lockedError(`The lock ${toldPath} changes hands too often`)
  } finally {
    await ignoring('ENOENT', unlink(draft))
  }
}

class FileLock implements ProcessLock {
  readonly #path: string
  readonly #token: string

  constructor(path: string, token: string) {
    this.#path = path
    this.#token = token
  }

  release(): Promise<void> {
    return releaseLock({ path: this.#path, token: this.#token })
  }
}

/** Writes and syncs what is going to be the lock, so that no lock is ever seen, or left by a crash, in part. */
async function writeDraft(path: string, { pid, started, boot, token }: Holder): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(`pid=${pid} started=${started} boot=${boot} token=${token}\n`)
    await file.sync()
  } catch (error) {
    await ignoring('ENOENT', unlink(path))
    throw error
  } finally {
    await file.close()
  }
}

/** Gives the draft its second name; false where that name is taken. */
async function placeDraft(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    if (!NO_LINK_CODES.has(codeOf(error))) throw error
  }
  try {
    // Exclusive as well, but seen in part for a moment, in which others are refused as by an unreadable lock.
    await copyFile(draft, path, constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Reads who holds the lock; undefined where nobody does. */
export async function readHolder(path: string): Promise<Holder | 'unreadable' | undefined> {
  const text = await ignoring('ENOENT', readSome(path))
  if (text === undefined) return undefined
  const match = HOLDER_LINE.exec(text)
  if (match === null) return 'unreadable'
  return { pid: Number(match[1]), started: match[2]!, boot: match[3]!, token: match[4]! }
}

async function holds(path: string, token: string): Promise<boolean> {
  const holder = await readHolder(path)
  return typeof holder === 'object' && holder.token === token
}

async function readSome(path: string): Promise<string> {
  const file: FileHandle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(256), 0, 256, 0)
    return buffer.toString('latin1', 0, bytesRead)
  } finally {
    await file.close()
  }
}

async function describeSelf(): Promise<Holder> {
  const status = await processStatus(process.pid)
  return {
    pid: process.pid,
    started: status?.started ?? '',
    boot: await bootId(),
    token: randomBytes(8).toString('hex'),
  }
}

/** Whether the process that made a lock is still there, and no other under its PID. */
export async function isAlive({ pid, started, boot }: Holder): Promise<boolean> {
  const currentBoot = await bootId()
  if (boot !== '' && currentBoot !== '' && boot !== currentBoot) return false
  const status = await processStatus(pid)
  if (status !== undefined) return !status.ended && (started === '' || status.started === started)
  // No such process, or /proc is missing or hides it.
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // Another user's process is EPERM.
    return codeOf(error) !== 'ESRCH'
  }
}

/** Reads field 3, the state, and field 22, the start time, of proc(5)'s stat; the name before them may hold anything. */
async function processStatus(pid: number): Promise<{ readonly started: string; readonly ended: boolean } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined)
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  const started = fields?.[19]
  if (fields === undefined || started === undefined || !/^\d+$/.test(started)) return undefined
  // A zombie has closed its files already; a container's init may never reap it.
  return { started, ended: /[ZXx]/.test(fields[0]!) }
}

async function bootId(): Promise<string> {
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '')
  return /^[0-9a-f-]+\n$/.test(text) ? text.trim() : ''
}

function lockedError(message: string): PtError {
  return new PtError('PT_STATE_LOCKED', message)
}

function heldError(path: string, pid: number): PtError {
  const whose = pid === process.pid ? 'this process' : 'another process'
  return lockedError(`The state is in use: the lock ${path} is held by ${whose}, pid ${pid}`)
}

/** Waits for a promise and turns a rejection with this code into undefined. */
async function ignoring<Value>(code: string, promise: Promise<Value>): Promise<Value | undefined> {
  try {
    return await promise
  } catch (error) {
    if (codeOf(error) === code) return undefined
    throw error
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
