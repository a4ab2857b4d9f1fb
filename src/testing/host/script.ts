/**
 * One thing that a scripted child does. In texts every character is a byte, and `{port}` and `{other}` are ports of 127.0.0.1 on which it listens and sends back what it gets.
 */
export type Step =
  | {
      readonly does: 'write'
      readonly text: string
      readonly stream?: 'stdout' | 'stderr'
      /** Writes so many bytes at a time, with a pause after each. */
      readonly pieceLength?: number
    }
  /** Writes a text so many times, or for ever, as fast as it is read. */
  | { readonly does: 'flood'; readonly text: string; readonly count?: number; readonly stream?: 'stdout' | 'stderr' }
  | { readonly does: 'pause'; readonly ms: number }
  /** Starts a process that holds its standard output and error for some seconds. */
  | { readonly does: 'leave a heir' }
  | { readonly does: 'exit'; readonly code: number }

/** What a child does from its start on. Past the last step it waits for the end of its input, or SIGTERM. */
export interface Script {
  readonly steps: readonly Step[]
  /** Neither the end of its input nor SIGTERM ends it. */
  readonly stubborn?: boolean
}

/** What the program of a scripted child is given, as JSON. */
export interface Play extends Script {
  /** The file in which it notes what it was started with. */
  readonly notes: string
}

/** What a child notes before its first step. */
export interface Notes {
  readonly pid: number
  /** By their names in texts; absent until it listens. */
  readonly ports?: Readonly<Record<'port' | 'other', number>>
  /** Its environment's TOR_PT_ variables. */
  readonly variables: Readonly<Record<string, string>>
}
