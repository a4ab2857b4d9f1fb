import type { Platform } from '../core/platform.ts'
import { fileStore } from './file-store.ts'
import { netBinder } from './net-binder.ts'
import { createNetDatagrams } from './net-datagrams.ts'
import { createNetDialer } from './net-dialer.ts'
import { systemClock } from './system-clock.ts'
import { systemRandom } from './system-random.ts'

/** The world as Node gives it: node:net, node:dgram, the file system, the system's clock and CSPRNG. */
export const systemPlatform: Platform = Object.freeze({
  dialer: createNetDialer(),
  binder: netBinder,
  datagrams: createNetDatagrams(),
  store: fileStore,
  clock: systemClock,
  random: systemRandom,
})
