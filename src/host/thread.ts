import { Worker } from 'node:worker_threads'
import { type LockName, releaseLock } from '../platform/process-lock.ts'
import { createChildEvents } from './child-lines.ts'
import { type ChildExit, NO_CHILD, type PtChild, type StartChild } from './child.ts'
import type { PtConfiguration, Supervision } from './launch-options.ts'
import { toSpecifiers } from './load-modules.ts'
import { checkArguments } from './option-checks.ts'
import { membersOf, refuseUnknownOptions } from './option-names.ts'
import type { PtProcess } from './pt-process.ts'
import { showLine } from './show-line.ts'
import { supervise } from './supervisor.ts'
import type { ThreadData, ThreadMessage, ThreadRequest } from './thread-messages.ts'

/** As built: Node 20's threads take no loader of TypeScript. */
const WORKER = new URL('./thread-worker.js', import.meta.url)

export interface ThreadSettings {
  /** Flags, as ptkit takes them; they win over the configuration. */
  readonly args?: readonly string[]
  /**
   * Modules that export more transports, by URL, path or name: each export that is a transport, or a list of them. The thread loads them, as plain
   * JavaScript; a name is looked up from where this package is. One that cannot be loaded or exports none fails the start.
   */
  readonly modules?: readonly (string | URL)[]
}

/** What runInThread() takes. */
export interface ThreadOptions extends PtConfiguration, Supervision, ThreadSettings {}

/**
 * Runs the dispatcher with this package's transports, and those of `modules`, in a worker thread, a MessagePort in place of standard input and output (draft §6.3.1).
 * Rejects as launch() does. A stop is closed input, then what SIGTERM is to a process, then the end of the thread.
 */
export async function runInThread(options: ThreadOptions): Promise<PtProcess> {
  refuseUnknownOptions(options, ['args', 'modules'])
  const { args, modules } = options
  const settings = { ...(args !== undefined && { args }), ...(modules !== undefined && { modules }) }
  return await supervise(startThread(settings), options, options)
}

/** Makes a StartChild whose children are threads of this process. Throws PT_OPTION_INVALID or PT_OPTION_UNKNOWN. */
export function startThread(settings: ThreadSettings = {}): StartChild {
  const { args = [], modules = [] } = membersOf('settings', settings, ['args', 'modules'])
  const given = checkArguments(args)
  const specifiers = toSpecifiers(modules)
  return ({ variables, flags = [] }, handlers) => {
    const events = createChildEvents(handlers)
    try {
      // Its environment is what it is told: TOR_PT_* of this process is not for it.
      const worker = new Worker(WORKER, {
        workerData: {
          argv: [...given, ...flags],
          environment: { ...variables },
          modules: specifiers,
        } satisfies ThreadData,
        env: {},
        // Flags of this process may be none of a thread's: --input-type, say.
        execArgv: [],
        name: 'pluggable-transports',
      })
      return new ThreadChild(worker, events)
    } catch (error) {
      events.exit({ code: null, signal: null, error: error as Error })
      return NO_CHILD
    }
  }
}

class ThreadChild implements PtChild {
  readonly pid = undefined
  readonly #worker: Worker
  readonly #locks: LockName[] = []
  #killed = false

  constructor(worker: Worker, events: ReturnType<typeof createChildEvents>) {
    this.#worker = worker
    worker.on('message', (message: ThreadMessage) => {
      if (message.kind === 'lock') this.#locks.push(message.lock)
      else {
        this.#tell({ kind: 'taken', length: message.text.length })
        events.line(message.text, message.stream)
      }
    })
    // A process of its own would have written this before its end.
    worker.on('error', (error: unknown) => events.line(showLine(String(error)), 'stderr'))
    worker.on('exit', (code) => {
      const exit: ChildExit = this.#killed ? { code: null, signal: 'SIGKILL' } : { code, signal: null }
      const ended = (): void => events.exit(exit)
      // Only then may another child take the state.
      Promise.all(this.#locks.map(releaseLock)).then(ended, ended)
    })
  }

  closeInput(): void {
    this.#tell({ kind: 'close-input' })
  }

  terminate(): void {
    this.#tell({ kind: 'terminate' })
  }

  kill(): void {
    this.#killed = true
    void this.#worker.terminate()
  }

  setRef(ref: boolean): void {
    if (ref) this.#worker.ref()
    else this.#worker.unref()
  }

  #tell(request: ThreadRequest): void {
    this.#worker.postMessage(request, [])
  }
}
