import type { EventEmitter } from 'node:events'
import type { Readable } from 'node:stream'
import type { Logger } from '../core/transport.ts'
import type { DispatcherConfig } from '../ipc/config.ts'
import { FAILURE_EXIT_CODES, IpcFailure } from '../ipc/failure.ts'
import type { LineSink } from '../ipc/line-sink.ts'
import { LineWriter, writeFailure } from '../ipc/line-writer.ts'
import { type ConfigSources, readDispatcherConfig } from '../ipc/read-config.ts'
import type { DispatcherParameters } from './dispatcher.ts'
import { runDispatcher } from './run-dispatcher.ts'
import { superviseShutdown } from './shutdown.ts'

const EX_SOFTWARE = 70

/** What a PT process is, wherever it runs: in a process of its own, in a thread, or in its parent. */
export interface PtProcessParameters
  extends
    Pick<DispatcherParameters, 'registry' | 'platform' | 'implementation'>,
    Pick<ConfigSources, 'argv' | 'environment' | 'readFile'> {
  readonly out: LineSink
  readonly err: LineSink
  /** Gives standard input; asked for only if its end means exit. */
  readonly openStdin: () => Readable
  /** Emits SIGTERM and SIGINT. */
  readonly signals: EventEmitter
  /** Makes the state directory; returns the code of what went wrong. */
  readonly makeStateDirectory: (location: string) => string | undefined
  /** Opens the log, where one is asked for. */
  readonly openLog: (config: DispatcherConfig, lines: LineWriter) => Promise<Logger>
  /** Ends it all with an exit code, once what was written has left. The first call counts. */
  readonly exit: (code: number) => void
}

/** A PT process past its configuration. */
export interface RunningPtProcess {
  /** Stops as SIGTERM does. */
  stop(): void
  /** Tells the parent of an error that nobody caught, and exits. */
  crash(error: Error): void
}

/**
 * Runs a dispatcher as a PT process: reads its configuration, writes its lines, and ends as it is asked to (PT 1.0 §3). Resolves once it
 * has begun, and with undefined where the configuration forbids that; never rejects.
 */
export async function runPtProcess(parameters: PtProcessParameters): Promise<RunningPtProcess | undefined> {
  const { argv, environment, readFile, registry, out, err, exit } = parameters
  const config = readDispatcherConfig({ argv, environment, readFile, knownTransports: registry.names })
  if (config instanceof IpcFailure) {
    writeFailure(config, { out, err })
    exit(config.exitCode)
    return undefined
  }
  return begin(config, parameters)
}

async function begin(config: DispatcherConfig, parameters: PtProcessParameters): Promise<RunningPtProcess> {
  const { registry, platform, implementation, out, err, signals, exit } = parameters
  const lines = new LineWriter({ out, err, version: config.version, ipcLogLevel: config.ipcLogLevel })
  const failure = parameters.makeStateDirectory(config.stateLocation)
  const logger = await parameters.openLog(config, lines)
  const dispatcher = runDispatcher({
    config,
    lines,
    registry,
    platform,
    logger,
    ...(implementation !== undefined && { implementation }),
  })
  // Only now, since VERSION comes before everything. Not every transport keeps state, and each that does tells by itself.
  if (failure !== undefined) lines.warn(`The state directory cannot be made: ${failure}`)
  const stop = superviseShutdown({
    running: dispatcher,
    signals,
    stdin: config.exitOnStdinClose ? parameters.openStdin() : undefined,
    exit: () => exit(0),
  })
  let methodsDone = false
  const crash = (error: Error): void => {
    // The message may hold an address; the kind of failure does not.
    const text = `internal error: ${error.name}`
    logger.error?.('process:failed', { name: error.name, ...(config.unsafeLogging && { stack: error.stack }) })
    if (methodsDone) lines.log('ERROR', text)
    else lines.failure(new IpcFailure('env', text, config.version))
    exit(methodsDone ? EX_SOFTWARE : FAILURE_EXIT_CODES.env)
  }
  dispatcher.ready.then(
    () => {
      methodsDone = true
    },
    (error: Error) => {
      if (error instanceof IpcFailure) exit(error.exitCode)
      else crash(error)
    },
  )
  return Object.freeze({ stop, crash })
}
