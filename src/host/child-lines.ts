import type { LineSink } from '../ipc/line-sink.ts'
import type { ChildExit, ChildHandlers } from './child.ts'

/** The handlers of one child, called each in a microtask of its own: what they throw comes back into nobody who writes a line. */
export interface ChildEvents {
  line(text: string, stream: 'stdout' | 'stderr'): void
  /** The first call counts, and nothing is told after it. */
  exit(exit: ChildExit): void
}

/** Makes the events of a child that is no process. */
export function createChildEvents({ onLine, onExit }: ChildHandlers): ChildEvents {
  let ended = false
  return {
    line(text, stream) {
      if (!ended) queueMicrotask(() => onLine(text, stream))
    },
    exit(exit) {
      if (ended) return
      ended = true
      queueMicrotask(() => onExit(exit))
    },
  }
}

/** Makes a sink of what a LineWriter writes, which is one line at a time; `take` gets it without its LF. */
export function createLineSink(take: (line: string) => void, queuedLength: () => number = () => 0): LineSink {
  return {
    get writableLength() {
      return queuedLength()
    },
    write: (text) => take(text.slice(0, -1)),
  }
}
