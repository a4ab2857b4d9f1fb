import type { Platform } from '../core/platform.ts'
import { fileStore } from './file-store.ts'
import { netBinder } from './net-binder.ts'
import { createNetDatagrams } from './net-datagrams.ts'
import { createNetDialer } from './net-dialer.ts'
import { nodeTls } from './node-tls.ts'
import { createNodeWeb } from './node-web.ts'
import { systemClock } from './system-clock.ts'
import { systemRandom } from './system-random.ts'

const dialer = createNetDialer()

/** The world as Node gives it: node:net, node:dgram, node:tls, node:http, the file system, the system's clock and CSPRNG. */
export const systemPlatform: Platform = Object.freeze({
  dialer,
  binder: netBinder,
  datagrams: createNetDatagrams(),
  tls: nodeTls,
  web: createNodeWeb({ dialer, clock: systemClock }),
  store: fileStore,
  clock: systemClock,
  random: systemRandom,
})
