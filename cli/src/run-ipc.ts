import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import process from 'node:process'
import { type Logger, builtInTransports, systemPlatform } from 'pluggable-transports'
import {
  type DispatcherConfig,
  FAILURE_EXIT_CODES,
  IpcFailure,
  LineWriter,
  readDispatcherConfig,
  readSmallFileSync,
  runDispatcher,
  writeFailure,
} from 'pluggable-transports/dispatcher'
import { exitWhenWritten } from './exit.ts'
import { isProcessAlive, watchParent } from './parent-watch.ts'
import { superviseShutdown } from './shutdown.ts'

const EX_SOFTWARE = 70
const LONG_MS = 2 ** 31 - 1

/** What this program is called in STATUS lines and by -version. */
export interface Program {
  readonly name: string
  readonly version: string
  /** The process that started this one; read at the very start, since it may end while this one loads. */
  readonly parentId: number
}

const streams = { out: process.stdout, err: process.stderr } as const

/** Runs as the PT process of the parent that started this one, until the parent, a signal or a failure ends it. */
export async function runIpc(argv: readonly string[], program: Program): Promise<void> {
  const config = readDispatcherConfig({
    argv,
    environment: process.env,
    knownTransports: builtInTransports.names,
    readFile: (path, mostLength) => readSmallFileSync(path, mostLength).toString(),
  })
  if (config instanceof IpcFailure) {
    writeFailure(config, streams)
    exitWhenWritten(config.exitCode)
    return
  }
  await run(config, program)
}

async function run(config: DispatcherConfig, program: Program): Promise<void> {
  const { version, ipcLogLevel } = config
  const lines = new LineWriter({ ...streams, version, ipcLogLevel })
  const directory = resolve(config.stateLocation)
  const failure = makeStateDirectory(directory)
  const logger = await openLogFile(directory, config, lines)
  const dispatcher = runDispatcher({
    config,
    lines,
    registry: builtInTransports,
    platform: systemPlatform,
    logger,
    implementation: program,
  })
  // Only now, since VERSION comes before everything.
  if (failure !== undefined) lines.warn(`The state directory cannot be made: ${failure}`)
  // A parent takes the end of a process without a transport for a crash, and starts it again.
  setInterval(() => {}, LONG_MS)
  // The launcher's, which end a process that is still starting.
  for (const signal of ['SIGTERM', 'SIGINT']) process.removeAllListeners(signal)
  const stop = superviseShutdown({
    running: dispatcher,
    signals: process,
    stdin: config.exitOnStdinClose ? process.stdin : undefined,
    exit: () => exitWhenWritten(0),
  })
  watchParent({
    startedBy: program.parentId,
    parentId: () => process.ppid,
    isAlive: process.platform === 'win32' ? isProcessAlive : () => true,
    onDeath: stop,
  })
  let methodsDone = false
  process.on('uncaughtException', (error) => {
    // The message may hold an address; the kind of failure does not.
    const text = `internal error: ${error.name}`
    logger.error?.('process:failed', { name: error.name, ...(config.unsafeLogging && { stack: error.stack }) })
    if (methodsDone) lines.log('ERROR', text)
    else lines.failure(new IpcFailure('env', text, version))
    exitWhenWritten(methodsDone ? EX_SOFTWARE : FAILURE_EXIT_CODES.env)
  })
  try {
    await dispatcher.ready
    methodsDone = true
  } catch (error) {
    if (!(error instanceof IpcFailure)) throw error
    exitWhenWritten(error.exitCode)
  }
}

/** Makes the state directory; returns what went wrong, since not every transport keeps state and each that does tells by itself. */
function makeStateDirectory(directory: string): string | undefined {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    return undefined
  } catch (error) {
    return describeCode(error)
  }
}

async function openLogFile(directory: string, { logFileLevel }: DispatcherConfig, lines: LineWriter): Promise<Logger> {
  if (logFileLevel === undefined) return {}
  // Loaded where it is asked for alone: few processes write a log, and each pays for what it loads.
  const { createLogFile } = await import('./log-file.ts')
  return createLogFile(directory, logFileLevel, (error) => {
    lines.warn(`The log file cannot be written: ${describeCode(error)}`)
  })
}

function describeCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'failed'
}
