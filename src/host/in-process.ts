import type { Platform } from '../core/platform.ts'
import { invalidOption } from '../core/options.ts'
import type { Registry } from '../core/registry.ts'
import { parseSettings } from '../core/settings.ts'
import type { Transport } from '../core/transport.ts'
import { systemPlatform } from '../platform/index.ts'
import { builtInTransports } from '../transports/index.ts'
import { createChildEvents, createLineSink } from './child-lines.ts'
import type { StartChild } from './child.ts'
import { type Contained, runContained } from './contained.ts'
import type { PtConfiguration, Supervision } from './launch-options.ts'
import { checkArguments } from './option-checks.ts'
import { membersOf, refuseUnknownOptions } from './option-names.ts'
import type { PtProcess } from './pt-process.ts'
import { referencePlatform } from './referenced-platform.ts'
import { supervise } from './supervisor.ts'

export interface InProcessSettings {
  /** Flags, as ptkit takes them; they win over the configuration. */
  readonly args?: readonly string[]
  /** The transports that may be asked for; those of this package unless told otherwise. */
  readonly registry?: Registry<Transport>
  readonly platform?: Platform
}

/** What inProcess() takes. */
export interface InProcessOptions extends PtConfiguration, Supervision, InProcessSettings {}

/**
 * Runs the dispatcher inside this process under the IPC's semantics (draft §6.3.1), for systems without processes and threads. Rejects as
 * launch() does. An error that nobody catches is this process's own. A kill is what SIGTERM is to a process: connections are destroyed, and it ends within 4 s.
 */
export async function inProcess(options: InProcessOptions): Promise<PtProcess> {
  refuseUnknownOptions(options, ['args', 'registry', 'platform'])
  const { args, registry, platform } = options
  const settings = {
    ...(args !== undefined && { args }),
    ...(registry !== undefined && { registry }),
    ...(platform !== undefined && { platform }),
  }
  return await supervise(startInProcess(settings), options, options)
}

/** Makes a StartChild whose children are parts of this process. Throws PT_OPTION_INVALID or PT_OPTION_UNKNOWN. */
export function startInProcess(settings: InProcessSettings = {}): StartChild {
  membersOf('settings', settings, ['args', 'registry', 'platform'])
  const { args = [], registry = builtInTransports, platform = systemPlatform } = settings
  const given = checkArguments(args)
  checkRegistry(registry)
  parseSettings({ platform })
  return ({ variables, flags = [] }, handlers) => {
    const events = createChildEvents(handlers)
    const { platform: referenced, setRef } = referencePlatform(platform)
    let contained: Contained | undefined
    let killed = false
    // Not before the parent has its child.
    queueMicrotask(() => {
      contained = runContained({
        argv: [...given, ...flags],
        environment: variables,
        registry,
        platform: referenced,
        out: createLineSink((line) => events.line(line, 'stdout')),
        err: createLineSink((line) => events.line(line, 'stderr')),
        exit: (code) => events.exit(killed ? { code: null, signal: 'SIGKILL' } : { code, signal: null }),
      })
    })
    const terminate = (): void => queueMicrotask(() => contained?.terminate())
    return {
      pid: undefined,
      closeInput: () => queueMicrotask(() => contained?.closeInput()),
      terminate,
      kill: () => {
        killed = true
        terminate()
      },
      setRef,
    }
  }
}

function checkRegistry(registry: unknown): void {
  const { names, has, get } = (registry ?? {}) as Partial<Record<keyof Registry<Transport>, unknown>>
  if (!Array.isArray(names) || typeof has !== 'function' || typeof get !== 'function')
    throw invalidOption('registry', 'a registry, as createRegistry() makes')
}
