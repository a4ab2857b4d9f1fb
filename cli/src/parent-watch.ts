import process from 'node:process'

/** How often the parent is looked for. */
export const PARENT_POLL_MS = 1_000

export interface ParentWatchParameters {
  /** The id of the parent when this process started. */
  readonly startedBy: number
  /** The id of this process's parent now, as process.ppid gives it. */
  readonly parentId: () => number
  /** Says whether a process lives: on Windows a parent's id stays when it is dead. */
  readonly isAlive: (id: number) => boolean
  /** Called once, when the parent has died. */
  readonly onDeath: () => void
}

/**
 * Watches for the death of the parent (PT 1.0 §3.4). Without a parent at the start, which is then process 0 or 1, it watches nothing. It does
 * not keep the process alive.
 */
export function watchParent({ startedBy, parentId, isAlive, onDeath }: ParentWatchParameters): void {
  if (startedBy === 0 || startedBy === 1) return
  const poll = (): void => {
    if (parentId() === startedBy && isAlive(startedBy)) setTimeout(poll, PARENT_POLL_MS).unref()
    else onDeath()
  }
  // At once too: it may have died while this process started.
  setTimeout(poll, 0)
}

/** Says whether a process lives, by asking the system. */
export function isProcessAlive(id: number): boolean {
  try {
    process.kill(id, 0)
    return true
  } catch (error) {
    // One that belongs to another user lives, though it cannot be signalled.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
