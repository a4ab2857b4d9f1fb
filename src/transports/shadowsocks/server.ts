import type { Codec } from '../../core/codec.ts'
import type { DatagramCodec } from '../../core/packets.ts'
import type { SlotFile } from '../../core/platform.ts'
import type { Environment, ServerProtocol, ServerSession } from '../../core/transport.ts'
import { openSlotFile } from '../../core/state-file.ts'
import { hkdfSha256 } from '../../crypto/hkdf.ts'
import { createRecentFile, isRecentFile, RecentFilter, recentFileLength } from '../../crypto/recent-filter.ts'
import { randomBytes } from '../../util/random.ts'
import type { ShadowsocksServerOptions } from './options.ts'
import { SaltLog } from './salt-log.ts'
import { ServerCodec, type ServerStreams } from './server-codec.ts'
import { Opener2017, Sealer2017 } from './stream-2017.ts'
import { RequestOpener2022, createResponseSealer2022 } from './stream-2022.ts'
import { Forgotten, TimedSalts } from './timed-salts.ts'
import { ServerDatagrams2017 } from './udp-2017.ts'
import { SeparateHeaders } from './udp-2022.ts'
import { ServerDatagrams2022, UdpSessions } from './udp-sessions-2022.ts'

/** Salts of streams of 2017 that a server remembers, the newest; its own among them. */
export const SERVER_SALT_COUNT = 1_000_000
/** Salts of datagrams of 2017 that it remembers, likewise, in memory. */
export const DATAGRAM_SALT_COUNT = 262_144
const SALT_FILE = 'shadowsocks_salts.bin'

/** The shortest time for which a stream that is not recognised is read, and what a key adds to it at most; in ms. */
export const SHORTEST_SILENCE_MS = 30_000
export const SILENCE_SPREAD_MS = 60_000

/** What a session of one edition adds. */
type Edition = Pick<ServerSession, 'datagrams' | 'sessionKey' | 'close'> & Pick<ServerStreams, 'opener' | 'sealer'>

/** How long a server reads and drops what it does not recognise: a time of the key's own, so that servers are not alike; in ms. */
export function silenceMsOf(key: Uint8Array): number {
  const derived = hkdfSha256(key, { salt: Buffer.alloc(0), info: Buffer.from('silence'), length: 4 })
  return SHORTEST_SILENCE_MS + (derived.readUInt32LE() % SILENCE_SPREAD_MS)
}

/** What the listeners of one Server Factory share: the salts and sessions seen. The file is read when it is opened. */
export class ShadowsocksServer implements ServerProtocol {
  readonly hasDatagrams = true
  readonly #options: ShadowsocksServerOptions
  readonly #environment: Environment

  constructor(options: ShadowsocksServerOptions, environment: Environment) {
    this.#options = options
    this.#environment = environment
  }

  async open(): Promise<ServerSession> {
    const { secret, password } = this.#options
    const { clock } = this.#environment.platform
    const edition = secret.method.edition === '2022' ? this.#open2022() : await this.#open2017()
    const streams = { ...edition, clock, silenceMs: silenceMsOf(secret.key) }
    return {
      ...edition,
      clientArguments: Object.freeze({ method: secret.method.name, password }),
      codec: (): Codec => new ServerCodec(streams),
    }
  }

  async #open2017(): Promise<Edition> {
    const { secret } = this.#options
    const { platform, log } = this.#environment
    const { clock, random } = platform
    const slots = await this.#openSlots()
    const filter = slots === undefined ? new RecentFilter(SERVER_SALT_COUNT, random) : RecentFilter.load(slots.initial)
    const onError = (error: unknown): void =>
      log('replay-filter:error', { code: error instanceof Error && 'code' in error ? String(error.code) : 'unknown' })
    const salts = new SaltLog({ filter, clock, slots, capacity: SERVER_SALT_COUNT, onError })
    const insertSalt = (salt: Uint8Array): boolean => salts.insert(salt)
    const datagramSalts = new RecentFilter(DATAGRAM_SALT_COUNT, random)
    const datagrams = { secret, random, insertSalt: (salt: Uint8Array) => datagramSalts.insert(salt) }
    return {
      opener: () => new Opener2017({ secret, hasAddress: true, insertSalt }),
      sealer: () => {
        const salt = randomBytes(random, secret.method.keyLength)
        insertSalt(salt)
        return new Sealer2017(secret, salt, Buffer.alloc(0))
      },
      datagrams: (): DatagramCodec => new ServerDatagrams2017(datagrams),
      close: () => salts.close(),
    }
  }

  #open2022(): Edition {
    const { secret } = this.#options
    const { clock, random } = this.#environment.platform
    const forgotten = new Forgotten(clock.now())
    const salts = new TimedSalts(clock, forgotten)
    const world = { now: () => clock.now(), random }
    const datagrams = { secret, headers: new SeparateHeaders(secret), clock, random }
    const sessions = new UdpSessions(datagrams, forgotten)
    return {
      opener: () => new RequestOpener2022(secret, world, (salt, seconds) => salts.insert(salt, seconds)),
      sealer: (requestSalt) =>
        createResponseSealer2022(secret, randomBytes(random, secret.method.keyLength), requestSalt!, world),
      datagrams: (): DatagramCodec => new ServerDatagrams2022(datagrams, sessions),
      sessionKey: (datagram) => sessions.keyOf(datagram),
      close: () => Promise.resolve(),
    }
  }

  async #openSlots(): Promise<SlotFile | undefined> {
    const { platform, log } = this.#environment
    const { stateDir } = this.#options
    if (stateDir === undefined) {
      log('replay-filter:memory-only')
      return undefined
    }
    const directory = await platform.store.directory(stateDir)
    return openSlotFile(directory, {
      name: SALT_FILE,
      length: recentFileLength(SERVER_SALT_COUNT),
      create: () => createRecentFile(SERVER_SALT_COUNT, platform.random),
      isValid: (content) => isRecentFile(content, SERVER_SALT_COUNT),
      what: 'the salts of this version',
    })
  }
}
