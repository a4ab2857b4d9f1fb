import type { Listener } from '../core/listener.ts'
import { systemPlatform } from '../platform/index.ts'
import { lookupBySystem } from '../platform/system-lookup.ts'
import { relayToTargets as relayWith, type TargetRelayParameters } from '../proxy/target-relay.ts'

/** How relayToTargets() relays; what is absent is the system's. */
export type TargetRelayOptions = Partial<TargetRelayParameters>

/**
 * Makes a listener of a transport that carries targets (shadowsocks) a proxy server: every client is brought to the target that it asks for, byte streams by TCP and packets by UDP. Private, loopback,
 * link-local and other special addresses are refused unless `allowPrivate` is true; a name is resolved once, and the address that was checked is the one that is dialled.
 */
export function relayToTargets(listener: Listener, options: TargetRelayOptions = {}): void {
  const { dialer, datagrams, clock } = systemPlatform
  relayWith(listener, { dialer, datagrams, clock, lookup: lookupBySystem, ...options })
}
