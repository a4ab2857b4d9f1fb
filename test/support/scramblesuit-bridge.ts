import type { PtError } from '../../src/core/errors.ts'
import { ReplayFilter, type ReplayWrite, createReplayFile } from '../../src/crypto/replay-filter.ts'
import { generateUniformDhKeyPair, type UniformDhKeyPair } from '../../src/crypto/uniform-dh.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { ClientCodec, type ClientParameters } from '../../src/transports/scramblesuit/client-codec.ts'
import { HandshakeMac } from '../../src/transports/scramblesuit/handshake.ts'
import type { Bridge } from '../../src/transports/scramblesuit/server-codec.ts'
import { drawLengths } from '../../src/transports/scramblesuit/shaper.ts'
import { type NewTicket, TicketKeys } from '../../src/transports/scramblesuit/ticket-keys.ts'
import type { SessionTicket } from '../../src/transports/scramblesuit/ticket-store.ts'

/** A bridge in memory, and what its parts were asked for. */
export interface TestBridge extends Bridge {
  readonly clock: FakeClock
  readonly random: SeededRandom
  readonly password: Buffer
  /** Codes of the filters' errors. */
  readonly filterErrors: string[]
  /** Key pairs taken so far. */
  takenCount: number
}

export const SILENCE_MS = 54_000

/** Few key pairs serve all tests: each takes a millisecond, and is used up by a copy. */
const keyPairs = Array.from({ length: 4 }, (_, index) => generateUniformDhKeyPair(new SeededRandom(`key ${index}`)))

export function testKeyPair(index: number): UniformDhKeyPair {
  const { privateKey, publicValue } = keyPairs[index % keyPairs.length]!
  return { privateKey: Buffer.from(privateKey), publicValue }
}

/** Makes a bridge; its random bytes, keys and table follow from `seed`. */
export function createTestBridge({
  seed = 0,
  write,
  issueTicket,
}: {
  readonly seed?: string | number
  readonly write?: ReplayWrite
  readonly issueTicket?: () => NewTicket | undefined
} = {}): TestBridge {
  const random = new SeededRandom(seed)
  const clock = new FakeClock()
  const password = random.fill(Buffer.alloc(20))
  const prngSeed = random.fill(Buffer.alloc(32))
  const ticketKeys = new TicketKeys([], password, random, () => {})
  ticketKeys.rotate(clock.now())
  const filterErrors: string[] = []
  return {
    password,
    mac: new HandshakeMac(password),
    ticketKeys,
    replayFilter: new ReplayFilter({ content: createReplayFile(random), write }),
    redeemedTickets: new ReplayFilter({ content: createReplayFile(random), write }),
    prngSeed,
    lengths: drawLengths(prngSeed),
    silenceMs: SILENCE_MS,
    clock,
    random,
    takenCount: 0,
    takeKeyPair() {
      this.takenCount += 1
      return testKeyPair(this.takenCount)
    },
    replenishKeyPairs: () => {},
    issueTicket: issueTicket ?? (() => ticketKeys.issue(clock.now())),
    filterErrors,
    onFilterError: (error: PtError) => void filterErrors.push(error.code),
  }
}

/** A client of a bridge, with a ticket or without, and the tickets that it was given. */
export interface TestClient {
  readonly codec: ClientCodec
  readonly tickets: SessionTicket[]
}

/** Makes a client that knows the bridge's password. */
export function createTestClient(
  { password, clock, random, lengths }: TestBridge,
  { ticket, ...others }: { readonly ticket?: SessionTicket | undefined } & Partial<ClientParameters> = {},
): TestClient {
  const tickets: SessionTicket[] = []
  const codec = new ClientCodec({
    password,
    clock,
    random,
    takeKeyPair: () => testKeyPair(0),
    replenishKeyPairs: () => {},
    expectsTicket: ticket !== undefined,
    takeTicket: () => Promise.resolve(ticket),
    keepTicket: (kept) => void tickets.push(kept),
    firstLengths: () => lengths,
    lengthsOf: () => lengths,
    ...others,
  })
  return { codec, tickets }
}
