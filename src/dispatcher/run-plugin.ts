import type { EventEmitter } from 'node:events'
import { PtError } from '../core/errors.ts'
import type { Logger } from '../core/transport.ts'
import type { LogFileLevel } from '../ipc/config.ts'
import type { LineSink } from '../ipc/line-sink.ts'
import { type PluginConfig, readPluginConfig } from '../ipc/sip003.ts'
import { formatPluginOptions } from '../ipc/sip003-options.ts'
import { describeFailure } from './failure-text.ts'
import { type PluginParameters, type StartedPlugin, preparePlugin } from './plugin.ts'
import { type PluginVoice, createPluginVoice } from './plugin-voice.ts'
import type { RunningPtProcess } from './run-pt-process.ts'
import { superviseShutdown } from './shutdown.ts'

const EX_USAGE = 64
const EX_UNAVAILABLE = 69
const EX_SOFTWARE = 70
const EX_IOERR = 74

/** What a SIP003 plugin is, whatever its process. */
export interface PluginProcessParameters extends Pick<PluginParameters, 'registry' | 'platform'> {
  /** What its lines begin with. */
  readonly name: string
  /** Not kept, nor changed. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Standard error; nothing is written anywhere else. */
  readonly err: LineSink
  /** Emits SIGTERM and SIGINT. */
  readonly signals: EventEmitter
  /** Makes the state directory; returns the code of what went wrong. */
  readonly makeStateDirectory: (location: string) => string | undefined
  /** Opens the log file in the state directory; a file that cannot be written to is told to `onError`, once. */
  readonly openLog: (location: string, level: LogFileLevel, onError: (error: Error) => void) => Promise<Logger>
  /** Ends it all with an exit code, once what was written has left. The first call counts. */
  readonly exit: (code: number) => void
}

/**
 * Runs a SIP003 plugin: reads what its host put into the environment, and carries the host's streams through a transport until it is
 * told to end. What cannot be done is one line and an exit code. Resolves once it has begun, and with undefined where it cannot; never rejects.
 */
export async function runPlugin(parameters: PluginProcessParameters): Promise<RunningPtProcess | undefined> {
  const { name, environment, err, exit, registry, platform } = parameters
  const voice = createPluginVoice(name, err)
  const config = readPluginConfig(environment)
  if ('problem' in config) {
    voice.say(config.problem)
    exit(EX_USAGE)
    return undefined
  }
  const fail = (error: unknown): undefined => {
    voice.say(describe(error, config))
    exit(error instanceof PtError ? error.facts.exitCode : EX_UNAVAILABLE)
  }
  try {
    // Its event has told why.
    const onListenerFailed = (): void => exit(EX_UNAVAILABLE)
    const prepared = preparePlugin({ config, registry, platform, logger: voice.logger, onListenerFailed })
    if (!(await openState(config, parameters, voice))) return undefined
    const starting = prepared.start()
    starting.then((started) => announce(started, config, voice), fail)
    return supervise(starting, parameters, voice, config)
  } catch (error) {
    return fail(error)
  }
}

/** Makes the state directory and opens the log there, where they are asked for. Returns whether the plugin can go on. */
async function openState(
  { stateLocation, logFileLevel }: PluginConfig,
  { makeStateDirectory, openLog, exit }: PluginProcessParameters,
  voice: PluginVoice,
): Promise<boolean> {
  if (stateLocation === undefined) return true
  const failure = makeStateDirectory(stateLocation)
  if (failure !== undefined) {
    voice.say(`The directory of option "state" cannot be made: ${failure}`)
    exit(EX_IOERR)
    return false
  }
  if (logFileLevel === undefined) return true
  const onError = (error: Error): void =>
    voice.say(`warning: The log file cannot be written: ${'code' in error ? String(error.code) : 'failed'}`)
  voice.logTo(await openLog(stateLocation, logFileLevel, onError))
  return true
}

/** Ends the plugin when it is asked to. */
function supervise(
  starting: Promise<StartedPlugin>,
  { signals, exit }: PluginProcessParameters,
  { logger }: PluginVoice,
  { unsafeLogging }: PluginConfig,
): RunningPtProcess {
  const stopAll = async (): Promise<void> => (await starting).stop()
  // The first SIGINT ends it as SIGTERM does: a terminal sends one to its host too, which ends at once.
  const running = { drain: stopAll, stop: stopAll }
  const stop = superviseShutdown({ running, signals, stdin: undefined, exit: () => exit(0) })
  const crash = (error: Error): void => {
    // The message may hold an address; the kind of failure does not.
    logger.error?.('process:failed', { name: error.name, ...(unsafeLogging && { stack: error.stack }) })
    exit(EX_SOFTWARE)
  }
  return Object.freeze({ stop, crash })
}

/** Tells people what the plugins of clients are given, once. */
function announce({ clientArguments }: StartedPlugin, { transport }: PluginConfig, voice: PluginVoice): void {
  if (clientArguments === undefined) return
  voice.say(`plugin options of clients: ${formatPluginOptions({ transport: transport.name, ...clientArguments })}`)
}

/** Says what went wrong; a system error is of the address that the plugin listens on. */
function describe(error: unknown, { role, unsafeLogging }: PluginConfig): string {
  const text = describeFailure(error, unsafeLogging)
  if (error instanceof PtError) return text
  const side = role === 'client' ? 'LOCAL' : 'REMOTE'
  return `The address of SS_${side}_HOST and SS_${side}_PORT cannot be listened on: ${text}`
}
