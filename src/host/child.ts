/** How a PT process ended. */
export interface ChildExit {
  readonly code: number | null
  readonly signal: string | null
  /** Why it could not even be started. */
  readonly error?: Error
}

/** What a host hears of its child. Lines come without their LF and CR; one longer than the limit comes cut, and the rest of it is dropped. */
export interface ChildHandlers {
  readonly onLine: (line: string, stream: 'stdout' | 'stderr') => void
  /** Called once where the child's death is known before its last lines are: what it carried is gone. */
  readonly onDeath?: (exit: ChildExit) => void
  /** Called once, after the last line. */
  readonly onExit: (exit: ChildExit) => void
}

/** A PT process as its host reaches it: a child process, a thread, or a part of this process. */
export interface PtChild {
  /** The id of a process of its own. */
  readonly pid: number | undefined
  /** Closes its standard input: the first step of a stop. */
  closeInput(): void
  /** Asks it to end, as SIGTERM does: the second step. Where there are no signals it is the third. */
  terminate(): void
  /** Ends it: the third step. */
  kill(): void
  /** Says whether this process is to live as long as the child; it is, from the start on. Absent where that is not for the host to say. */
  setRef?(ref: boolean): void
}

/** What a child is started with. */
export interface ChildSetup {
  /** The whole configuration, as variables of the environment (PT 1.0 §3.2, and what 2.x and 3.0 take as well). */
  readonly variables: Readonly<Record<string, string>>
  /** Flags for what no variable carries, to follow arguments of the child's own. */
  readonly flags?: readonly string[]
}

/** Starts a child. Never throws: what goes wrong is its exit. Handlers are called after it has returned, each time in a turn or microtask of its own. */
export type StartChild = (setup: ChildSetup, handlers: ChildHandlers) => PtChild

/** What could not be started. */
export const NO_CHILD: PtChild = Object.freeze({ pid: undefined, closeInput() {}, terminate() {}, kill() {} })
