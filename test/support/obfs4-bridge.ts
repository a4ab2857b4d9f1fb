import { ReplayFilter, type ReplayWrite, createReplayFile } from '../../src/crypto/replay-filter.ts'
import { importX25519PrivateKey, x25519PublicKey } from '../../src/crypto/x25519.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import type { BridgeIdentity } from '../../src/transports/obfs4/cert.ts'
import { ClientHandshake } from '../../src/transports/obfs4/handshake-client.ts'
import { HandshakeMac, epochHourOf, makeSessionKeyPair } from '../../src/transports/obfs4/handshake.ts'
import type { IatMode } from '../../src/transports/obfs4/options.ts'
import { createUniformPadding } from '../../src/transports/obfs4/padding.ts'
import type { Bridge } from '../../src/transports/obfs4/server-codec.ts'
import { ShapeTables } from '../../src/transports/obfs4/shaper.ts'

/** A bridge in memory, and what its parts were asked for. */
export interface TestBridge extends Bridge {
  readonly clock: FakeClock
  readonly random: SeededRandom
  readonly identity: BridgeIdentity
  /** Codes of the filter's errors. */
  readonly filterErrors: string[]
  /** Key pairs taken so far. */
  takenCount: number
  /** How often it was said that key pairs may be made. */
  replenishedCount: number
}

const SILENCE_MS = 54_000

/** Makes a bridge; its random bytes, keys and tables follow from `seed`. */
export function createTestBridge({
  seed = 0,
  iatMode = 0,
  write,
}: {
  readonly seed?: string | number
  readonly iatMode?: IatMode
  readonly write?: ReplayWrite
} = {}): TestBridge {
  const random = new SeededRandom(seed)
  const privateKey = random.fill(Buffer.alloc(32))
  const identity = { nodeId: random.fill(Buffer.alloc(20)), publicKey: x25519PublicKey(privateKey) }
  const prngSeed = random.fill(Buffer.alloc(24))
  const filterErrors: string[] = []
  return {
    identity,
    key: { ...identity, privateKey: importX25519PrivateKey(privateKey) },
    mac: new HandshakeMac(identity),
    replayFilter: new ReplayFilter({ content: createReplayFile(random), write }),
    prngSeed,
    tables: new ShapeTables(prngSeed),
    iatMode,
    silenceMs: SILENCE_MS,
    clock: new FakeClock(),
    random,
    takenCount: 0,
    takeKeyPair() {
      this.takenCount += 1
      return makeSessionKeyPair(random)
    },
    replenishedCount: 0,
    replenishKeyPairs() {
      this.replenishedCount += 1
    },
    filterErrors,
    onFilterError: (error) => void filterErrors.push(error.code),
  }
}

/** Makes the handshake of a client that knows the bridge. */
export function knowingClient(bridge: TestBridge, random: SeededRandom = bridge.random): ClientHandshake {
  return new ClientHandshake({
    bridge: bridge.identity,
    keyPair: makeSessionKeyPair(random),
    padding: createUniformPadding(random),
    epochHour: epochHourOf(bridge.clock.now()),
    random,
  })
}
