import { type Registry, createRegistry } from '../core/registry.ts'
import type { Transport } from '../core/transport.ts'
import { obfs4 } from './obfs4/index.ts'
import { scramblesuit } from './scramblesuit/index.ts'
import { shadowsocks } from './shadowsocks/index.ts'
import { webtunnel } from './webtunnel/index.ts'

const TRANSPORTS: readonly Transport[] = [obfs4, scramblesuit, shadowsocks, webtunnel]

/** The transports of this package, alphabetically. Build a registry of your own to offer others. */
export const builtInTransports: Registry<Transport> = createRegistry(TRANSPORTS)
