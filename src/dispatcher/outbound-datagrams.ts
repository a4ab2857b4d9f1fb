import { isIP } from 'node:net'
import type { DatagramSocket, Datagrams } from '../core/platform.ts'
import type { OutboundAddresses } from '../ipc/config.ts'
import { unlessAborted } from '../util/unless-aborted.ts'
import { chooseBySource, noAddress } from './outbound-source.ts'

export interface OutboundDatagramsParameters {
  readonly outbound: OutboundAddresses
  /** Connects what has no source address of its own, and binds. */
  readonly datagrams: Datagrams
  /** Makes Datagrams whose connected sockets send from a local IP address. */
  readonly createDatagrams: (localAddress: string) => Datagrams
  /** Looks a name up; resolves with its IP addresses, the first to try first; none counts as ENOTFOUND. */
  readonly lookup: (host: string) => Promise<readonly string[]>
}

/**
 * Makes Datagrams whose connected sockets send from the outbound address of their family, except towards loopback (PT 1.0 §3.2.1). A name
 * goes to the first of its addresses that the system has a way to.
 */
export function createOutboundDatagrams(parameters: OutboundDatagramsParameters): Datagrams {
  const { outbound, datagrams, createDatagrams, lookup } = parameters
  const datagramsFor = chooseBySource(outbound, datagrams, createDatagrams)

  return Object.freeze({
    bind: (local, handlers) => datagrams.bind(local, handlers),
    connect: async ({ host: asked, port }, handlers, { signal }): Promise<DatagramSocket> => {
      signal.throwIfAborted()
      const hosts = isIP(asked) === 0 ? await unlessAborted(lookup(asked), signal) : [asked]
      if (hosts.length === 0) throw noAddress()
      let failure: unknown
      for (const host of hosts) {
        try {
          return await datagramsFor(host).connect({ host, port }, handlers, { signal })
        } catch (error) {
          signal.throwIfAborted()
          failure ??= error
        }
      }
      throw failure
    },
  } satisfies Datagrams)
}
