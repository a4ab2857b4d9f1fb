import type { EventEmitter } from 'node:events'
import type { Readable } from 'node:stream'

/** Time for connections to end after a request to stop, below the 5 s after which parents kill. */
export const STOP_LIMIT_MS = 4_000
/** Time for connections to drain after the first SIGINT. */
export const DRAIN_LIMIT_MS = 10 * 60_000

export interface ShutdownParameters {
  /** What is at work: drain() lets connections end by themselves, stop() ends them. */
  readonly running: { drain(): Promise<void>; stop(): Promise<void> }
  /** Emits SIGTERM and SIGINT, as process does. */
  readonly signals: EventEmitter
  /** Standard input, if its end means exit. */
  readonly stdin: Readable | undefined
  /** Ends the process; called once. No timer is left then. */
  readonly exit: () => void
}

/**
 * Ends the process when it is asked to (PT 1.0 §3.4): SIGTERM, the end of `stdin` and the returned function stop it; the first SIGINT lets
 * connections drain, the second stops them, the third exits at once.
 */
export function superviseShutdown({ running, signals, stdin, exit }: ShutdownParameters): () => void {
  let state: 'running' | 'draining' | 'stopping' | 'ended' = 'running'
  let limit: NodeJS.Timeout | undefined
  const end = (): void => {
    if (state === 'ended') return
    state = 'ended'
    clearTimeout(limit)
    exit()
  }
  const stop = (): void => {
    if (state === 'stopping' || state === 'ended') return
    state = 'stopping'
    clearTimeout(limit)
    limit = setTimeout(end, STOP_LIMIT_MS)
    running.stop().then(end, end)
  }
  const interrupt = (): void => {
    if (state === 'stopping') end()
    if (state === 'draining') stop()
    if (state !== 'running') return
    state = 'draining'
    limit = setTimeout(stop, DRAIN_LIMIT_MS)
    const drained = (): void => {
      if (state === 'draining') end()
    }
    running.drain().then(drained, stop)
  }
  signals.on('SIGTERM', stop)
  signals.on('SIGINT', interrupt)
  // Reading is what shows the end; what the parent writes has no meaning.
  stdin?.on('error', stop).on('end', stop).on('close', stop).resume()
  return stop
}
