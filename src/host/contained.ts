import { EventEmitter } from 'node:events'
import { resolve } from 'node:path'
import { PassThrough } from 'node:stream'
import type { Platform } from '../core/platform.ts'
import type { Registry } from '../core/registry.ts'
import type { Transport } from '../core/transport.ts'
import { type PtProcessParameters, type RunningPtProcess, runPtProcess } from '../dispatcher/run-pt-process.ts'
import { readSmallFileSync } from '../platform/small-file.ts'
import { makeStateDirectorySync } from '../platform/state-directory.ts'

const EX_SOFTWARE = 70

/** What runs the dispatcher without a process of its own is called in STATUS lines. */
export const IMPLEMENTATION = Object.freeze({ name: 'pluggable-transports', version: '0.1.0' })

export interface ContainedParameters extends Pick<
  PtProcessParameters,
  'argv' | 'environment' | 'out' | 'err' | 'exit'
> {
  readonly registry: Registry<Transport>
  readonly platform: Platform
}

/** A PT process that has no process of its own: what its parent does to it. */
export interface Contained {
  closeInput(): void
  /** Asks it to end as SIGTERM does; before it listens for that it exits with 0 at once. */
  terminate(): void
  /** Tells the parent of an error that nobody caught, and exits. */
  crash(error: Error): void
}

/** Begins a PT process inside this one, or inside this thread. It writes no log file. `exit` is called once at most; what runs ends with it. */
export function runContained(parameters: ContainedParameters): Contained {
  const signals = new EventEmitter()
  const stdin = new PassThrough()
  let running: RunningPtProcess | undefined
  let ended = false
  const exit = (code: number): void => {
    if (ended) return
    ended = true
    running?.stop()
    parameters.exit(code)
  }
  const beginning = runPtProcess({
    ...parameters,
    implementation: IMPLEMENTATION,
    readFile: (path, mostLength) => readSmallFileSync(path, mostLength).toString(),
    openStdin: () => stdin,
    signals,
    makeStateDirectory: (location) => makeStateDirectorySync(resolve(location)),
    openLog: ({ logFileLevel }, lines) => {
      if (logFileLevel !== undefined) lines.warn('A log file is written by a process of its own alone')
      return Promise.resolve({})
    },
    exit,
  })
  beginning.then(
    (begun) => {
      running = begun
      if (ended) running?.stop()
    },
    (error: unknown) => {
      // The message may hold what it was configured with; the kind of failure does not.
      parameters.err.write(`internal error: ${error instanceof Error ? error.name : typeof error}\n`)
      exit(EX_SOFTWARE)
    },
  )
  return {
    closeInput: () => void stdin.end(),
    terminate: () => {
      if (!signals.emit('SIGTERM')) exit(0)
    },
    crash: (error) => {
      if (running === undefined) exit(EX_SOFTWARE)
      else running.crash(error)
    },
  }
}
