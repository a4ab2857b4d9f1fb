import { type SpawnOptions, spawn } from 'node:child_process'
import type { EventEmitter } from 'node:events'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import type { Clock, Timer } from '../core/platform.ts'
import { scrubError } from '../core/scrub.ts'
import { systemClock } from '../platform/system-clock.ts'
import { type ChildHandlers, type ChildSetup, NO_CHILD, type PtChild, type StartChild } from './child.ts'
import { LineSplitter } from './line-splitter.ts'

/** How long output is waited for when the process has ended but something that it started holds its pipes. */
export const LAST_OUTPUT_MS = 1_000

/** Bytes of a child's output that are taken in one turn of the event loop, from each stream. */
export const MAX_SLICE_LENGTH = 16 * 1024

const PT_VARIABLE = /^TOR_PT_/i

export interface ChildCommand {
  readonly command: string
  readonly args?: readonly string[]
  /** Variables added to the inherited ones; undefined takes one away. TOR_PT_ variables among them are left out. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/** What is needed of a ChildProcess. */
interface SpawnedProcess extends EventEmitter, Handle {
  readonly pid?: number | undefined
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  kill(signal: 'SIGTERM' | 'SIGKILL'): boolean
}

/** What keeps a process alive; pipes of a real child are such. */
interface Handle {
  ref(): void
  unref(): void
}

/** The system that children run on; a test's has no signals, say. */
export interface ChildSystem {
  readonly platform: NodeJS.Platform
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly spawn: (
    command: string,
    args: readonly string[],
    options: SpawnOptions & { stdio: 'pipe' },
  ) => SpawnedProcess
  readonly clock: Clock
}

const thisSystem: ChildSystem = {
  platform: process.platform,
  environment: process.env,
  spawn: (command, args, options) => spawn(command, args, options) as SpawnedProcess,
  clock: systemClock,
}

/**
 * Makes a StartChild of a command, which no shell reads. Its standard input is a pipe that closes when this process dies in whatever way. It inherits this process's
 * environment and takes `env`, both without any TOR_PT_ variable.
 */
export function startChildProcess(command: ChildCommand, system: ChildSystem = thisSystem): StartChild {
  return (setup, handlers) => startOne(command, system, setup, handlers)
}

function startOne(
  { command, args = [], env = {} }: ChildCommand,
  { platform, environment, spawn, clock }: ChildSystem,
  { variables, flags = [] }: ChildSetup,
  handlers: ChildHandlers,
): PtChild {
  // Of the caller's variables too: whoever spreads process.env would hand on what its own parent has told it.
  const others = Object.entries({ ...environment, ...env }).filter(([name]) => !PT_VARIABLE.test(name))
  let child: SpawnedProcess
  try {
    child = spawn(command, [...args, ...flags], {
      env: { ...Object.fromEntries(others), ...variables },
      stdio: 'pipe',
      shell: false,
      detached: false,
      windowsHide: true,
    })
  } catch (error) {
    // Some failures are thrown (E2BIG, a NUL in an argument), others come as 'error'.
    queueMicrotask(() => handlers.onExit({ code: null, signal: null, error: scrubError(error) }))
    return NO_CHILD
  }
  listen(child, clock, handlers)
  return {
    pid: child.pid,
    closeInput: () => void child.stdin.end(),
    terminate: () => void child.kill(platform === 'win32' ? 'SIGKILL' : 'SIGTERM'),
    kill: () => void child.kill('SIGKILL'),
    setRef: (ref) => {
      for (const handle of [child, child.stdin, child.stdout, child.stderr] as readonly Partial<Handle>[]) {
        if (ref) handle.ref?.()
        else handle.unref?.()
      }
    },
  }
}

/** Reads one stream of a child, a slice in each turn of the event loop: a flood of short lines costs far more time than its bytes. */
class OutputReader {
  readonly #stream: Readable
  readonly #splitter: LineSplitter
  readonly #clock: Clock
  #left: Buffer = Buffer.alloc(0)
  #next: Timer | undefined

  constructor(stream: Readable, onLine: (line: string) => void, clock: Clock) {
    this.#stream = stream
    this.#splitter = new LineSplitter(onLine)
    this.#clock = clock
    stream
      .on('error', () => {})
      .on('data', (bytes: Buffer) => {
        stream.pause()
        this.#left = bytes
        this.#readSlice()
      })
  }

  /** Tells what is left, and the line that has no end. */
  end(): void {
    this.#next?.cancel()
    this.#splitter.push(this.#left)
    this.#left = Buffer.alloc(0)
    this.#splitter.end()
  }

  #readSlice(): void {
    const slice = this.#left.subarray(0, MAX_SLICE_LENGTH)
    this.#left = this.#left.subarray(MAX_SLICE_LENGTH)
    this.#next = this.#clock.defer(() => {
      if (this.#left.length > 0) this.#readSlice()
      else this.#stream.resume()
    })
    this.#splitter.push(slice)
  }
}

function listen(child: SpawnedProcess, clock: Clock, { onLine, onDeath, onExit }: ChildHandlers): void {
  // One that never ran has pipes that may never close; for the others 'error' is a signal that could not be sent.
  if (child.pid === undefined) {
    child.once('error', (error: Error) => onExit({ code: null, signal: null, error: scrubError(error) }))
    return
  }
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  const readers = (['stdout', 'stderr'] as const).map((stream) => {
    return new OutputReader(child[stream], (line) => onLine(line, stream), clock)
  })
  child.once('exit', (code: number | null, signal: string | null) => {
    // Something that it has started may hold its pipes.
    onDeath?.({ code, signal })
    const destroy = (): void => {
      child.stdout.destroy()
      child.stderr.destroy()
    }
    // Where this process was busy that long, what lies in the pipes is read before the deferred task.
    let wait = clock.setTimer(() => {
      wait = clock.defer(destroy)
    }, LAST_OUTPUT_MS)
    child.once('close', () => wait.cancel())
  })
  child.once('close', (code: number | null, signal: string | null) => {
    for (const reader of readers) reader.end()
    onExit({ code, signal })
  })
}
