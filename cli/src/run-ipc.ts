import { EventEmitter } from 'node:events'
import { resolve } from 'node:path'
import process from 'node:process'
import { type Logger, builtInTransports, systemPlatform } from 'pluggable-transports'
import {
  type DispatcherConfig,
  type LineWriter,
  makeStateDirectorySync,
  readSmallFileSync,
  runPtProcess,
} from 'pluggable-transports/dispatcher'
import { exitWhenWritten } from './exit.ts'
import { liveOn } from './live-on.ts'

/** What this program is called in STATUS lines and by -version. */
export interface Program {
  readonly name: string
  readonly version: string
  /** The process that started this one; read at the very start, since it may end while this one loads. */
  readonly parentId: number
}

/** Runs as the PT process of the parent that started this one, until the parent, a signal or a failure ends it. */
export async function runIpc(argv: readonly string[], program: Program): Promise<void> {
  const signals = new EventEmitter()
  const running = await runPtProcess({
    argv,
    environment: process.env,
    readFile: (path, mostLength) => readSmallFileSync(path, mostLength).toString(),
    registry: builtInTransports,
    platform: systemPlatform,
    implementation: program,
    out: process.stdout,
    err: process.stderr,
    openStdin: () => process.stdin,
    signals,
    makeStateDirectory: (location) => makeStateDirectorySync(resolve(location)),
    openLog,
    exit: exitWhenWritten,
  })
  if (running !== undefined) liveOn(running, signals, program.parentId)
}

async function openLog({ logFileLevel, stateLocation }: DispatcherConfig, lines: LineWriter): Promise<Logger> {
  if (logFileLevel === undefined) return {}
  // Loaded where it is asked for alone: few processes write a log, and each pays for what it loads.
  const { createLogFile } = await import('./log-file.ts')
  return createLogFile(resolve(stateLocation), logFileLevel, (error) => {
    lines.warn(`The log file cannot be written: ${'code' in error ? String(error.code) : 'failed'}`)
  })
}
