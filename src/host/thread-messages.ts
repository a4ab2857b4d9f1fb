import type { LockName } from '../platform/process-lock.ts'

/** What a thread is started with. */
export interface ThreadData {
  readonly argv: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** What import() takes, of modules that export transports. */
  readonly modules: readonly string[]
}

/** What its parent tells a thread: steps of a stop, and how many characters of lines it has taken. */
export type ThreadRequest =
  | { readonly kind: 'close-input' }
  | { readonly kind: 'terminate' }
  | { readonly kind: 'taken'; readonly length: number }

/** What a thread tells its parent: a line, and a lock that goes with it if it ends without letting it go. */
export type ThreadMessage =
  | { readonly kind: 'line'; readonly stream: 'stdout' | 'stderr'; readonly text: string }
  | { readonly kind: 'lock'; readonly lock: LockName }
