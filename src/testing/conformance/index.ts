import { abortTests } from './abort.ts'
import { backPressureTests } from './back-pressure.ts'
import { bitFlipTests } from './bit-flips.ts'
import { choppingTests } from './chopping.ts'
import { datagramTests } from './datagrams.ts'
import { eventTests } from './events.ts'
import { halfCloseTests } from './half-close.ts'
import { leftoverTests } from './leftovers.ts'
import { listenerTests } from './listener.ts'
import { loadTests } from './load.ts'
import { nodeRunner } from './node-runner.ts'
import { silenceTests } from './silence.ts'
import { socketTests } from './sockets.ts'
import { packetTests } from './packets.ts'
import type { ConformanceSubject, Runner } from './subject.ts'
import { makeSubject } from './subject.ts'
import { truncationTests } from './truncation.ts'

const THEMES = [
  eventTests,
  listenerTests,
  choppingTests,
  halfCloseTests,
  backPressureTests,
  abortTests,
  leftoverTests,
  silenceTests,
  truncationTests,
  bitFlipTests,
  packetTests,
  datagramTests,
  loadTests,
  socketTests,
]

/**
 * Defines every test of the suite for one transport: over a platform in memory with a clock that stands still, and at the end over
 * sockets on loopback. `runner` takes the place of node:test.
 */
export function runConformance<ClientOptions, ServerOptions>(
  subject: ConformanceSubject<ClientOptions, ServerOptions>,
  runner: Runner = nodeRunner,
): void {
  const made = makeSubject(subject)
  runner.describe(`conformance of ${made.name}`, () => {
    for (const theme of THEMES) theme(made, runner)
  })
}
