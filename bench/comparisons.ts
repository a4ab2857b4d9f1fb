import { skipWithoutObfs4proxy } from '../test/support/obfs4proxy.ts'
import { type Comparison, startObfs4proxies } from './contenders.ts'
import { OBFS4 } from './transports.ts'

/** A comparison, whether it must be left out, and what ptkit's ratios to the peer must reach. */
export interface PeerComparison extends Comparison {
  /** Why it cannot be made here. */
  readonly skip: string | false
  readonly limits: {
    readonly minBulk?: number
    readonly maxCpu?: number
    readonly maxSetUp?: number
    readonly maxMemory?: number
  }
}

/** Every transport that another program speaks. */
export const COMPARISONS: readonly PeerComparison[] = [
  {
    transport: OBFS4,
    peer: 'obfs4proxy',
    startPeer: startObfs4proxies,
    skip: skipWithoutObfs4proxy,
    limits: { minBulk: 1.5, maxCpu: 0.75, maxSetUp: 1, maxMemory: 0.35 },
  },
]
