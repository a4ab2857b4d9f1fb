import type { Codec } from '../../core/codec.ts'
import type { ClientProtocol, Destination, Environment } from '../../core/transport.ts'
import { KeyPool } from '../../crypto/key-pool.ts'
import { type UniformDhKeyPair, generateUniformDhKeyPair } from '../../crypto/uniform-dh.ts'
import type { WeightedDistribution } from '../../crypto/weighted-distribution.ts'
import { ClientCodec } from './client-codec.ts'
import type { ScrambleSuitClientOptions } from './options.ts'
import { drawLengths } from './shaper.ts'
import { FileTickets, MemoryTickets, type TicketStore, serverKeyOf } from './ticket-store.ts'

/** Bridges whose table of lengths a Client Factory keeps, so that each is drawn once and not per connection. */
const MAX_KEPT_TABLES = 16

/** What the connections of one Client Factory share: the key pool, tickets, tables of bridges seen. */
export class ScrambleSuitClient implements ClientProtocol<ScrambleSuitClientOptions> {
  readonly #environment: Environment
  readonly #keys: KeyPool<UniformDhKeyPair>
  /** In memory, or by state directory: one, as long as connections cannot choose. */
  readonly #tickets = new Map<string | undefined, TicketStore>()
  readonly #tables = new Map<string, WeightedDistribution>()

  constructor(environment: Environment) {
    const { clock, random } = environment.platform
    this.#environment = environment
    this.#keys = new KeyPool({
      make: () => generateUniformDhKeyPair(random),
      defer: (task) => {
        const timer = clock.defer(task)
        return () => timer.cancel()
      },
      onInline: () => environment.log('key-pool:empty'),
    })
  }

  codec({ password, stateDir }: ScrambleSuitClientOptions, { address }: Destination): Codec {
    const { clock, random } = this.#environment.platform
    const tickets = this.#ticketsIn(stateDir)
    const server = serverKeyOf(address, password)
    return new ClientCodec({
      password,
      clock,
      random,
      takeKeyPair: () => this.#keys.take(),
      replenishKeyPairs: () => this.#keys.replenish(),
      expectsTicket: tickets.expects(server),
      takeTicket: () => tickets.take(server),
      keepTicket: (ticket) => void tickets.put(server, ticket),
      lengthsOf: (seed) => this.#lengthsOf(seed),
    })
  }

  #ticketsIn(stateDir: string | undefined): TicketStore {
    const { platform, log } = this.#environment
    const { clock, store } = platform
    let tickets = this.#tickets.get(stateDir)
    if (tickets === undefined) {
      tickets = stateDir === undefined ? new MemoryTickets(clock) : new FileTickets({ stateDir, store, clock, log })
      this.#tickets.set(stateDir, tickets)
    }
    return tickets
  }

  #lengthsOf(seed: Buffer): WeightedDistribution {
    const key = seed.toString('latin1')
    let lengths = this.#tables.get(key)
    if (lengths === undefined) {
      lengths = drawLengths(seed)
      if (this.#tables.size >= MAX_KEPT_TABLES) this.#tables.delete(this.#tables.keys().next().value!)
      this.#tables.set(key, lengths)
    }
    return lengths
  }
}
