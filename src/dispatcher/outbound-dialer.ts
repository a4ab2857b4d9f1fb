import { isIP } from 'node:net'
import type { ByteStream, Clock, Dialer } from '../core/platform.ts'
import type { OutboundAddresses } from '../ipc/config.ts'
import { unlessAborted } from '../util/unless-aborted.ts'
import { dialInTurn } from '../proxy/dial-in-turn.ts'
import { chooseBySource, noAddress } from './outbound-source.ts'

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

  return Object.freeze({
    dial: async (address, { signal }): Promise<ByteStream> => {
      if ('path' in address) return dialer.dial(address, { signal })
      if (isIP(address.host) !== 0) return dialerFor(address.host).dial(address, { signal })
      signal.throwIfAborted()
      const hosts = await unlessAborted(lookup(address.host), signal)
      if (hosts.length === 0) throw noAddress()
      return dialInTurn({ hosts, port: address.port, dialerFor, clock, signal })
    },
  } satisfies Dialer)
}
