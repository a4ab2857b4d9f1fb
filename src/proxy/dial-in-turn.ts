import { PtError } from '../core/errors.ts'
import type { ByteStream, Clock, Dialer } from '../core/platform.ts'
import { dialWithin } from './dial-within.ts'

/** Time in ms that an address has while another is left to try: one that swallows packets must not take all there is. */
const ATTEMPT_LIMIT_MS = 5_000

export interface DialInTurnParameters {
  /** At least one. */
  readonly hosts: readonly string[]
  readonly port: number
  readonly dialerFor: (host: string) => Dialer
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Dials hosts one after the other until one answers, each but the last for 5 s at most. Rejects with the first one's failure, or the signal's reason. */
export async function dialInTurn(parameters: DialInTurnParameters): Promise<ByteStream> {
  const { hosts, port, dialerFor, clock, signal } = parameters
  const last = hosts.length - 1
  let failure: unknown
  for (const [index, host] of hosts.entries()) {
    try {
      const address = { host, port }
      if (index === last) return await dialerFor(host).dial(address, { signal })
      const makeTimeout = (): Error =>
        new PtError('PT_DIAL_TIMEOUT', `An address did not answer within ${ATTEMPT_LIMIT_MS} ms`)
      const limits = { signal, limitMs: ATTEMPT_LIMIT_MS, makeTimeout }
      return await dialWithin({ dialer: dialerFor(host), clock }, address, limits)
    } catch (error) {
      signal.throwIfAborted()
      failure ??= error
    }
  }
  throw failure
}
