import { decodeIpAddress, encodeIpAddress } from '../wire/ip-address.ts'
import { isPublicAddress } from './public-address.ts'

/** Looks a name up: its IP addresses, the first to try first. */
export type Lookup = (host: string) => Promise<readonly string[]>

export interface TargetRules {
  /** Whether targets may be private, loopback, link-local and the like; false. */
  readonly allowPrivate?: boolean
  readonly lookup: Lookup
}

/**
 * Resolves a target's host, once: what is checked here is what is to be dialled, so that no second answer of a name server can lead elsewhere. Rejects with EACCES where no address is allowed, and
 * ENOTFOUND where there is none.
 */
export async function resolveTarget(
  host: string,
  { allowPrivate = false, lookup }: TargetRules,
): Promise<readonly string[]> {
  const found = encodeIpAddress(host) === undefined ? await lookup(host) : [host]
  if (found.length === 0) throw refusal('ENOTFOUND', 'The target has no address')
  // In one form, since answers of the target are known by it.
  const addresses = found.flatMap((address) => {
    const bytes = encodeIpAddress(address)
    return bytes === undefined ? [] : [decodeIpAddress(bytes)]
  })
  const allowed = allowPrivate ? addresses : addresses.filter(isPublicAddress)
  if (allowed.length === 0) throw refusal('EACCES', 'The target is not of the public Internet')
  return allowed
}

function refusal(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
