import { type Codec, NOTHING, type Step } from '../../core/codec.ts'
import { PtError } from '../../core/errors.ts'
import type { ClientProtocol, Environment } from '../../core/transport.ts'
import { KeyPool } from '../../crypto/key-pool.ts'
import { type X25519PublicKey, importX25519PublicKey } from '../../crypto/x25519.ts'
import { randomBytes } from '../../util/random.ts'
import type { BridgeIdentity } from './cert.ts'
import { createFrameDecoder, createFrameEncoder, PRNG_SEED_LENGTH } from './framing.ts'
import { ClientHandshake } from './handshake-client.ts'
import { type SessionKeyPair, epochHourOf, makeSessionKeyPair } from './handshake.ts'
import { FRAME_KEY_LENGTH } from './frame-format.ts'
import type { IatMode, Obfs4ClientOptions, Padding } from './options.ts'
import { type PaddingStyle, createExemptPadding, createUniformPadding } from './padding.ts'
import { Session } from './session.ts'
import { ShapeTables, Shaper } from './shaper.ts'

/** Bridges whose tables a Client Factory keeps, so that each is drawn once and not per connection. */
const MAX_KEPT_TABLES = 16

/** What the connections of one Client Factory share: the key pool, the padding styles, tables of bridges seen. */
export class Obfs4Client implements ClientProtocol<Obfs4ClientOptions> {
  readonly #environment: Environment
  readonly #keys: KeyPool<SessionKeyPair>
  readonly #uniform: PaddingStyle
  #exempt: PaddingStyle | undefined
  readonly #tables = new Map<string, ShapeTables>()
  /** The keys of bridges whose options somebody keeps: importing one costs as much as an exchange. */
  readonly #identities = new WeakMap<BridgeIdentity, X25519PublicKey>()

  constructor(environment: Environment) {
    const { clock, random } = environment.platform
    this.#environment = environment
    this.#uniform = createUniformPadding(random)
    this.#keys = new KeyPool({
      make: () => makeSessionKeyPair(random),
      defer: (task) => clock.defer(task),
      onInline: () => environment.log('key-pool:empty'),
    })
  }

  codec({ bridge, iatMode, padding }: Obfs4ClientOptions): Codec {
    const { clock, random } = this.#environment.platform
    const makeHandshake = (keyPair: SessionKeyPair) => {
      // From here on the server has work to do, and this side none.
      this.#keys.replenish()
      return new ClientHandshake({
        bridge,
        importedIdentity: this.#importIdentity(bridge),
        keyPair,
        padding: this.#paddingStyle(padding),
        epochHour: epochHourOf(clock.now()),
        random,
      })
    }
    return new ClientCodec(this.#keys.take(), makeHandshake, {
      iatMode,
      random,
      tablesOf: (seed) => this.#tablesOf(seed),
    })
  }

  #importIdentity(bridge: BridgeIdentity): X25519PublicKey {
    let imported = this.#identities.get(bridge)
    if (imported === undefined) {
      imported = importX25519PublicKey(bridge.publicKey)
      this.#identities.set(bridge, imported)
    }
    return imported
  }

  #paddingStyle(padding: Padding): PaddingStyle {
    if (padding === 'uniform') return this.#uniform
    this.#exempt ??= createExemptPadding(this.#environment.platform.random)
    return this.#exempt
  }

  #tablesOf(seed: Buffer): ShapeTables {
    const key = seed.toString('latin1')
    let tables = this.#tables.get(key)
    if (tables === undefined) {
      tables = new ShapeTables(seed)
      if (this.#tables.size >= MAX_KEPT_TABLES) this.#tables.delete(this.#tables.keys().next().value!)
      this.#tables.set(key, tables)
    }
    return tables
  }
}

interface ClientSettings {
  readonly iatMode: IatMode
  readonly random: Environment['platform']['random']
  readonly tablesOf: (seed: Buffer) => ShapeTables
}

/** One client connection. Its key pair is there before the stream is dialled, so that no time on the wire shows how it was made. */
class ClientCodec implements Codec {
  /** Until the hello is made: a session key must not outlive its handshake. */
  #keyPair: SessionKeyPair | undefined
  readonly #makeHandshake: (keyPair: SessionKeyPair) => ClientHandshake
  readonly #settings: ClientSettings
  #handshake: ClientHandshake | undefined
  #session: Session | undefined

  constructor(
    keyPair: SessionKeyPair,
    makeHandshake: (keyPair: SessionKeyPair) => ClientHandshake,
    settings: ClientSettings,
  ) {
    this.#keyPair = keyPair
    this.#makeHandshake = makeHandshake
    this.#settings = settings
  }

  /** The hello is made only now: a slow dial must not carry it into a later hour. */
  start(): Step {
    this.#handshake = this.#makeHandshake(this.#keyPair!)
    this.#keyPair = undefined
    return { wire: [{ bytes: this.#handshake.hello() }] }
  }

  receive(bytes: Uint8Array): Step {
    if (this.#session !== undefined) return this.#session.receive(bytes)
    const progress = this.#handshake!.receive(bytes)
    if (progress.state === 'incomplete') return NOTHING
    if (progress.state === 'failed') {
      return { close: new PtError('PT_HANDSHAKE_FAILED', `The handshake failed: ${progress.reason}`) }
    }
    this.#handshake = undefined
    this.#session = this.#openSession(progress.keys)
    return { ...this.#session.receive(progress.rest), established: true }
  }

  send(chunks: readonly Uint8Array[]): Step {
    return this.#session!.send(chunks)
  }

  finish(): Step {
    if (this.#session !== undefined) return this.#session.finish()
    return { close: new PtError('PT_TRUNCATED', 'The server ended the stream before the handshake was done') }
  }

  #openSession(keys: Buffer): Session {
    const { iatMode, random, tablesOf } = this.#settings
    const encoder = createFrameEncoder(keys.subarray(0, FRAME_KEY_LENGTH))
    const decoder = createFrameDecoder(keys.subarray(FRAME_KEY_LENGTH), random)
    const shaper = new Shaper(encoder, () => new ShapeTables(randomBytes(random, PRNG_SEED_LENGTH)), iatMode, random)
    keys.fill(0)
    return new Session(decoder, shaper, (seed) => {
      shaper.tables = tablesOf(seed)
    })
  }
}
