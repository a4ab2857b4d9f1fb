import type { Platform } from '../core/platform.ts'
import { nodeTls } from '../platform/node-tls.ts'
import { createNodeWeb } from '../platform/node-web.ts'
import { FakeClock } from './fake-clock.ts'
import type { MemoryDatagrams } from './memory-datagrams.ts'
import { MemoryNetwork } from './memory-network.ts'
import { MemoryStore } from './memory-store.ts'
import { SeededRandom } from './seeded-random.ts'

/** A world without I/O: every member is the fake itself, for the test to steer. */
export interface MemoryPlatform extends Platform {
  readonly network: MemoryNetwork
  readonly datagrams: MemoryDatagrams
  readonly store: MemoryStore
  readonly clock: FakeClock
  readonly random: SeededRandom
}

/** How a memory platform is made; `capacity` is the bytes that one direction of a link holds. */
export interface MemoryPlatformOptions {
  readonly clock?: FakeClock
  readonly store?: MemoryStore
  readonly seed?: string | number
  readonly capacity?: number
}

/** Makes a Platform in memory: a network with taps, TLS and web servers of Node's over its streams, a store with failures, a clock that stands still, random bytes from a seed. */
export function createMemoryPlatform(options: MemoryPlatformOptions = {}): MemoryPlatform {
  const network = new MemoryNetwork(options.capacity)
  const clock = options.clock ?? new FakeClock()
  clock.watch(() => network.activity)
  return Object.freeze({
    network,
    dialer: network,
    binder: network,
    datagrams: network.datagrams,
    tls: nodeTls,
    web: createNodeWeb({ dialer: network, clock }),
    store: options.store ?? new MemoryStore(),
    clock,
    random: new SeededRandom(options.seed ?? 0),
  })
}
