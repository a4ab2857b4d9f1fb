import type { Codec } from '../../core/codec.ts'
import type { ClientProtocol, Destination, Environment } from '../../core/transport.ts'
import { KeyPool } from '../../crypto/key-pool.ts'
import { type UniformDhKeyPair, generateUniformDhKeyPair } from '../../crypto/uniform-dh.ts'
import type { WeightedDistribution } from '../../crypto/weighted-distribution.ts'
import { randomBytes } from '../../util/random.ts'
import { ClientCodec } from './client-codec.ts'
import { PRNG_SEED_LENGTH } from './constants.ts'
import type { ScrambleSuitClientOptions } from './options.ts'
import { drawLengths } from './shaper.ts'
import { FileTickets, MemoryTickets, type TicketStore, serverKeyOf } from './ticket-store.ts'

/** Bridges whose table of lengths a Client Factory keeps, so that each is drawn once and not per connection. */
const MAX_KEPT_TABLES = 16

/** A server's seed and what is drawn from it. */
interface ServerTable {
  readonly seed: Buffer
  readonly lengths: WeightedDistribution
}

/** What the connections of one Client Factory share: the key pool, tickets, tables of bridges seen. */
export class ScrambleSuitClient implements ClientProtocol<ScrambleSuitClientOptions> {
  readonly #environment: Environment
  readonly #keys: KeyPool<UniformDhKeyPair>
  /** In memory, or by state directory: one, as long as connections cannot choose. */
  readonly #tickets = new Map<string | undefined, TicketStore>()
  /** Of each server the newest, to begin its next connection with. */
  readonly #tables = new Map<string, ServerTable>()

  constructor(environment: Environment) {
    const { clock, random } = environment.platform
    this.#environment = environment
    this.#keys = new KeyPool({
      make: () => generateUniformDhKeyPair(random),
      defer: (task) => clock.defer(task),
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
      firstLengths: () => this.#tables.get(server)?.lengths ?? drawLengths(randomBytes(random, PRNG_SEED_LENGTH)),
      lengthsOf: (seed) => this.#lengthsOf(server, seed),
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

  #lengthsOf(server: string, seed: Buffer): WeightedDistribution {
    const known = this.#tables.get(server)
    if (known !== undefined && known.seed.equals(seed)) return known.lengths
    const lengths = drawLengths(seed)
    this.#tables.delete(server)
    if (this.#tables.size >= MAX_KEPT_TABLES) this.#tables.delete(this.#tables.keys().next().value!)
    this.#tables.set(server, { seed, lengths })
    return lengths
  }
}
