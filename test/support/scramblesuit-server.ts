import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Connection } from '../../src/core/connection.ts'
import type { Listener } from '../../src/core/listener.ts'
import type { FactorySettings } from '../../src/core/transport.ts'
import { ReplayFilter } from '../../src/crypto/replay-filter.ts'
import { type ScrambleSuitServerInput, scramblesuit } from '../../src/transports/scramblesuit/index.ts'
import { type ArrivalQueue, createArrivalQueue } from './arrivals.ts'
import { closeListener, portOf } from './obfs4-pairings.ts'

export interface ScrambleSuitServer {
  readonly listener: Listener
  readonly port: number
  readonly clientArguments: Readonly<Record<string, string>>
  readonly arrivals: ArrivalQueue<Connection>
  /** Ends it before the test does. */
  readonly close: () => Promise<void>
}

/** Starts our ScrambleSuit server on loopback, on a free port unless one is given; closed, with all its connections, when the test ends. */
export async function startScrambleSuitServer(
  test: TestContext,
  options: ScrambleSuitServerInput = {},
  settings: FactorySettings & { readonly port?: number } = {},
): Promise<ScrambleSuitServer> {
  const { port = 0, ...factorySettings } = settings
  const listener = scramblesuit
    .server(options, factorySettings)
    .listen({ host: '127.0.0.1', port, allowHalfOpen: true })
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => (closed ??= closeListener(listener))
  test.after(close)
  const arrivals = createArrivalQueue<Connection>()
  listener.on('connection', (connection) => {
    connection.on('error', () => {})
    arrivals.add(connection)
  })
  await once(listener, 'listening')
  return { listener, port: portOf(listener), clientArguments: listener.clientArguments, arrivals, close }
}

/** Counts the tickets that a server has taken, by its state directory. */
export async function countRedeemedTickets(stateDir: string): Promise<number> {
  return new ReplayFilter({ content: await readFile(join(stateDir, 'scramblesuit_redeemed.bin')) }).size
}
