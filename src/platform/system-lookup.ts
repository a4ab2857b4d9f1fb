import { lookup } from 'node:dns/promises'

/** Looks a host name up as the system does; resolves with its IP addresses in the system's order, or rejects with its error. */
export async function lookupBySystem(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, verbatim: true })
  return found.map(({ address }) => address)
}
