import { isIP } from 'node:net'
import { PtError } from '../core/errors.ts'
import type { ByteStream, Clock, Dialer } from '../core/platform.ts'
import type { OutboundAddresses } from '../ipc/config.ts'
import { unlessAborted } from '../util/unless-aborted.ts'
import { dialWithin } from './dial-within.ts'
import { chooseBySource, noAddress } from './outbound-source.ts'

/** Time in ms that an address of a name has while another is left to try: one that swallows packets must not take all there is. */
const ATTEMPT_LIMIT_MS = 5_000

export interface OutboundDialerParameters {
  readonly outbound: OutboundAddresses
  /** Dials what has no source address of its own: loopback, the other family, UNIX sockets. */
  readonly dialer: Dialer
  /** Makes a dialer whose connections come from a local IP address. */
  readonly createDialer: (localAddress: string) => Dialer
  /** Looks a name up; resolves with its IP addresses, the first to try first; none counts as ENOTFOUND. */
  readonly lookup: (host: string) => Promise<readonly string[]>
  readonly clock: Clock
}

/**
 * Makes a dialer whose connections come from the outbound address of their family, except towards loopback (PT 1.0 §3.2.1). A name is looked
 * up first, since its addresses decide the source; they are tried one after the other, each but the last for 5 s at most.
 */
export function createOutboundDialer(parameters: OutboundDialerParameters): Dialer {
  const { outbound, dialer, createDialer, lookup, clock } = parameters
  const dialerFor = chooseBySource(outbound, dialer, createDialer)

  const inTurn = async (hosts: readonly string[], port: number, signal: AbortSignal): Promise<ByteStream> => {
    if (hosts.length === 0) throw noAddress()
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

  return Object.freeze({
    dial: async (address, { signal }): Promise<ByteStream> => {
      if ('path' in address) return dialer.dial(address, { signal })
      if (isIP(address.host) !== 0) return dialerFor(address.host).dial(address, { signal })
      signal.throwIfAborted()
      return inTurn(await unlessAborted(lookup(address.host), signal), address.port, signal)
    },
  } satisfies Dialer)
}
