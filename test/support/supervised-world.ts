import type { PtConfiguration, Supervision } from '../../src/host/launch-options.ts'
import type { PtProcess } from '../../src/host/pt-process.ts'
import { supervise } from '../../src/host/supervisor.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { FakeChildren } from './fake-children.ts'

/** A client that is asked for the transport `a`. */
export const CLIENT: PtConfiguration = { role: 'client', transports: ['a'], stateDir: '/state' }
/** What a child says that offers it. */
export const READY = ['VERSION 1', 'CMETHOD a socks5 127.0.0.1:7', 'CMETHODS DONE']

/** A host whose children and time are in the test's hand, and what it tells. */
export class SupervisedWorld {
  readonly children = new FakeChildren()
  readonly clock: FakeClock
  readonly told: unknown[][] = []
  readonly launched: Promise<PtProcess>

  constructor(supervision: Supervision = {}, configuration: PtConfiguration = CLIENT, clock = new FakeClock()) {
    this.clock = clock
    this.launched = supervise((...given) => this.children.start(...given), configuration, supervision, this.clock)
    this.launched.catch(() => {})
  }

  /** Brings the first child up and notes all events from then on. */
  async ready(lines: readonly string[] = READY): Promise<PtProcess> {
    this.children.last.say(...lines)
    const host = await this.launched
    for (const name of ['log', 'status', 'line', 'exit', 'restart', 'ready', 'error', 'close'] as const)
      host.on(name, (...args: readonly unknown[]) => this.told.push([name, ...args]))
    await this.clock.runDeferred()
    return host
  }

  get names(): unknown[] {
    return this.told.map(([name]) => name)
  }
}
