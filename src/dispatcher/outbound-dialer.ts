import { lookup } from 'node:dns/promises'
import { BlockList, isIP, isIPv6 } from 'node:net'
import type { ByteStream, Dialer, TcpAddress } from '../core/platform.ts'
import type { OutboundAddresses } from '../ipc/config.ts'

export interface OutboundDialerParameters {
  readonly outbound: OutboundAddresses
  /** Dials what has no source address of its own: loopback, the other family, UNIX sockets. */
  readonly dialer: Dialer
  /** Makes a dialer whose connections come from a local IP address. */
  readonly createDialer: (localAddress: string) => Dialer
  /** Looks a name up; as the system does unless told otherwise. */
  readonly resolve?: (host: string) => Promise<readonly string[]>
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Says whether an IP address, IPv6 without brackets, is of this host only; IPv4 in IPv6 too. */
export function isLoopback(address: string): boolean {
  return isIP(address) !== 0 && loopback.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}

/**
 * Makes a dialer whose connections come from the outbound address of their family, except towards loopback (PT 1.0 §3.2.1). A name is looked
 * up first, since its addresses decide the source; they are tried one after the other.
 */
export function createOutboundDialer(parameters: OutboundDialerParameters): Dialer {
  const { outbound, dialer, createDialer, resolve = resolveBySystem } = parameters
  const v4 = outbound.v4 === undefined ? dialer : createDialer(outbound.v4)
  const v6 = outbound.v6 === undefined ? dialer : createDialer(outbound.v6)

  const dialAddress = (address: TcpAddress, options: { readonly signal: AbortSignal }): Promise<ByteStream> => {
    const bound = isIPv6(address.host) ? v6 : v4
    return (isLoopback(address.host) ? dialer : bound).dial(address, options)
  }

  return Object.freeze({
    dial: async (address, options): Promise<ByteStream> => {
      if ('path' in address) return dialer.dial(address, options)
      if (isIP(address.host) !== 0) return dialAddress(address, options)
      let failure: unknown
      for (const host of await resolve(address.host)) {
        options.signal.throwIfAborted()
        try {
          return await dialAddress({ host, port: address.port }, options)
        } catch (error) {
          failure ??= error
        }
      }
      options.signal.throwIfAborted()
      throw failure
    },
  } satisfies Dialer)
}

async function resolveBySystem(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, verbatim: true })
  return found.map(({ address }) => address)
}
