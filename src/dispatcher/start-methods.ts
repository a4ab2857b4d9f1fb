import { showName } from '../core/option-names.ts'
import type { Registry } from '../core/registry.ts'
import type { Logger, Transport } from '../core/transport.ts'
import type { RequestedTransport } from '../ipc/config.ts'
import { describeFailure } from './failure-text.ts'
import type { Method } from './method.ts'

export interface StartMethodsParameters<Requested extends RequestedTransport, Started extends Method> {
  readonly requested: readonly Requested[]
  readonly registry: Registry<Transport>
  readonly logger: Logger
  readonly unsafeLogging: boolean
  readonly start: (transport: Transport, requested: Requested) => Promise<Started>
  /** Writes the line of a transport that is ready. If it throws, the transport counts as failed. */
  readonly announce: (name: string, method: Started) => void
  /** Writes the line of a transport that is not. */
  readonly refuse: (name: string, text: string) => void
}

/**
 * Starts the transports asked for, all at once, and writes one line for each that is known, in the order in which they were asked for.
 * One that fails does not touch the others. Never rejects; resolves with those at work.
 */
export async function startMethods<Requested extends RequestedTransport, Started extends Method>(
  parameters: StartMethodsParameters<Requested, Started>,
): Promise<readonly Started[]> {
  const { registry, logger, unsafeLogging, announce, refuse } = parameters
  const known = parameters.requested.filter(({ name }) => {
    if (registry.has(name)) return true
    logger.warn?.('dispatcher:transport-unknown', { transport: showName(name) })
    return false
  })
  const starting = known.map(async (requested) => {
    if (requested.optionsProblem !== undefined) throw new Error(requested.optionsProblem)
    return parameters.start(registry.get(requested.name), requested)
  })
  const outcomes = await settleInOrder(starting, async (index, outcome) => {
    const { name } = known[index]!
    try {
      if ('error' in outcome) throw outcome.error
      await announceOrDestroy(outcome.method, () => announce(name, outcome.method))
      return [outcome.method]
    } catch (error) {
      refuse(name, describeFailure(error, unsafeLogging))
      return []
    }
  })
  return outcomes.flat()
}

type Outcome<Started> = { readonly method: Started } | { readonly error: unknown }

/** Hands each outcome on as soon as it and all before it are there. */
async function settleInOrder<Started, Result>(
  starting: readonly Promise<Started>[],
  take: (index: number, outcome: Outcome<Started>) => Promise<Result>,
): Promise<Result[]> {
  const settling = starting.map((started): Promise<Outcome<Started>> =>
    started.then(
      (method) => ({ method }),
      (error: unknown) => ({ error }),
    ),
  )
  const results: Result[] = []
  for (const [index, outcome] of settling.entries()) results.push(await take(index, await outcome))
  return results
}

async function announceOrDestroy(method: Method, announce: () => void): Promise<void> {
  try {
    announce()
  } catch (error) {
    await method.destroy()
    throw error
  }
}
