import { type SpawnOptions, spawn } from 'node:child_process'
import type { EventEmitter } from 'node:events'
import process from 'node:process'
import type { Readable, Writable } from 'node:stream'
import type { Clock } from '../core/platform.ts'
import { scrubError } from '../core/scrub.ts'
import { systemClock } from '../platform/system-clock.ts'
import type { ChildHandlers, ChildSetup, PtChild, StartChild } from './child.ts'
import { LineSplitter } from './line-splitter.ts'

/** How long output is waited for when the process has ended but something that it started holds its pipes. */
export const LAST_OUTPUT_MS = 1_000

const PT_VARIABLE = /^TOR_PT_/i

export interface ChildCommand {
  readonly command: string
  readonly args?: readonly string[]
  /** Variables added to the inherited ones; undefined takes one away. */
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
 * environment without any TOR_PT_ variable.
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
  const inherited = Object.entries(environment).filter(([name]) => !PT_VARIABLE.test(name))
  let child: SpawnedProcess
  try {
    child = spawn(command, [...args, ...flags], {
      env: { ...Object.fromEntries(inherited), ...env, ...variables },
      stdio: 'pipe',
      shell: false,
      detached: false,
      windowsHide: true,
    })
  } catch (error) {
    // Some failures are thrown (E2BIG, a NUL in an argument), others come as 'error'.
    queueMicrotask(() => handlers.onExit({ code: null, signal: null, error: scrubError(error) }))
    return { pid: undefined, closeInput() {}, terminate() {}, kill() {} }
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

function listen(child: SpawnedProcess, clock: Clock, { onLine, onExit }: ChildHandlers): void {
  // One that never ran has pipes that may never close; for the others 'error' is a signal that could not be sent.
  if (child.pid === undefined) {
    child.once('error', (error: Error) => onExit({ code: null, signal: null, error: scrubError(error) }))
    return
  }
  child.on('error', () => {})
  child.stdin.on('error', () => {})
  const splitters = (['stdout', 'stderr'] as const).map((stream) => {
    const splitter = new LineSplitter((line) => onLine(line, stream))
    child[stream].on('error', () => {}).on('data', (bytes: Buffer) => splitter.push(bytes))
    return splitter
  })
  child.once('exit', () => {
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
    for (const splitter of splitters) splitter.end()
    onExit({ code, signal })
  })
}
