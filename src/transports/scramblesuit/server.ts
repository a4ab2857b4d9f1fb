import { createHash } from 'node:crypto'
import type { Codec } from '../../core/codec.ts'
import { PtError } from '../../core/errors.ts'
import type { SlotFile, StateDirectory } from '../../core/platform.ts'
import type { Environment, ServerProtocol, ServerSession } from '../../core/transport.ts'
import { openSlotFile } from '../../core/state-file.ts'
import { DRBG_SEED_LENGTH, HashDrbg } from '../../crypto/drbg.ts'
import { GoRand } from '../../crypto/go-rand.ts'
import { hmacSha256 } from '../../crypto/hkdf.ts'
import { KeyPool } from '../../crypto/key-pool.ts'
import { ReplayFilter, createReplayFile, replayFileForm } from '../../crypto/replay-filter.ts'
import { type UniformDhKeyPair, generateUniformDhKeyPair } from '../../crypto/uniform-dh.ts'
import { MAX_CLOSE_DELAY_SECONDS, SERVER_HANDSHAKE_MS } from './constants.ts'
import { HandshakeMac, epochHourOf } from './handshake.ts'
import type { ScrambleSuitServerOptions } from './options.ts'
import { formatPassword } from './password.ts'
import { type Bridge, ServerCodec } from './server-codec.ts'
import { drawLengths } from './shaper.ts'
import { loadServerState, loadTicketKeys, saveTicketKeys } from './state.ts'
import { type TicketKey, TicketKeys } from './ticket-keys.ts'

const REPLAY_FILE = 'scramblesuit_replay.bin'
const REDEEMED_FILE = 'scramblesuit_redeemed.bin'

/** Derives a server's PRNG seed, 32 bytes, so that a bridge keeps its shape as it keeps its password. */
export function prngSeedOf(password: Uint8Array): Buffer {
  return hmacSha256(password, Buffer.from('pluggable-transports scramblesuit prng seed'))
}

/** How long a bridge reads and drops what it does not recognise: the handshake limit and a delay that its password gives; in ms. */
export function silenceMsOf(password: Uint8Array): number {
  const seed = createHash('sha256').update(prngSeedOf(password)).digest().subarray(0, DRBG_SEED_LENGTH)
  return SERVER_HANDSHAKE_MS + new GoRand(new HashDrbg(seed)).intn(MAX_CLOSE_DELAY_SECONDS) * 1000
}

/** What a server keeps on disk while it is open; both files are undefined without a directory. */
interface Files {
  readonly directory: StateDirectory | undefined
  readonly replays: SlotFile | undefined
  readonly redeemed: SlotFile | undefined
}

/** What the listeners of one Server Factory share: password, ticket keys, replay filters, key pool. State is read when it is opened. */
export class ScrambleSuitServer implements ServerProtocol {
  readonly #options: ScrambleSuitServerOptions
  readonly #environment: Environment

  constructor(options: ScrambleSuitServerOptions, environment: Environment) {
    this.#options = options
    this.#environment = environment
  }

  async open(): Promise<ServerSession> {
    const { platform, log } = this.#environment
    const files = await this.#openFiles()
    try {
      const { directory } = files
      const { password, overridesStored } = await loadServerState(directory, this.#options.password, platform.random)
      if (overridesStored) log('state:identity-differs')
      const storedKeys = directory === undefined ? [] : await loadTicketKeys(directory)
      const saving = new TicketKeySaving(directory, (error) => log('ticket-store:error', { code: codeOf(error) }))
      const ticketKeys = new TicketKeys(storedKeys, password, platform.random, (keys) => saving.save(keys))
      ticketKeys.rotate(platform.clock.now())
      // A directory that cannot be written to is told now, and not as tickets that nobody can redeem.
      await saving.firstSaved()
      return this.#openSession(password, ticketKeys, files, saving)
    } catch (error) {
      await closeFiles(files)
      throw error
    }
  }

  /** Opens the filters' files; the lock of the first stands for the whole directory. */
  async #openFiles(): Promise<Files> {
    const { platform, log } = this.#environment
    const { stateDir } = this.#options
    if (stateDir === undefined) {
      log('replay-filter:memory-only')
      return { directory: undefined, replays: undefined, redeemed: undefined }
    }
    const directory = await platform.store.directory(stateDir)
    const replays = await this.#openFilter(directory, REPLAY_FILE)
    try {
      return { directory, replays, redeemed: await this.#openFilter(directory, REDEEMED_FILE) }
    } catch (error) {
      await replays.close()
      throw error
    }
  }

  #openFilter(directory: StateDirectory, name: string): Promise<SlotFile> {
    return openSlotFile(directory, replayFileForm(name, this.#environment.platform.random))
  }

  #createFilter(slots: SlotFile | undefined): ReplayFilter {
    if (slots === undefined) return new ReplayFilter({ content: createReplayFile(this.#environment.platform.random) })
    return new ReplayFilter({ content: slots.initial, write: (position, bytes) => slots.write(position, bytes) })
  }

  #openSession(password: Buffer, ticketKeys: TicketKeys, files: Files, saving: TicketKeySaving): ServerSession {
    const { platform, log } = this.#environment
    const { clock, random } = platform
    const keys = new KeyPool<UniformDhKeyPair>({
      make: () => generateUniformDhKeyPair(random),
      defer: (task) => clock.defer(task),
      onInline: () => log('key-pool:empty'),
    })
    const prngSeed = prngSeedOf(password)
    const redeemedTickets = this.#createFilter(files.redeemed)
    const bridge: Bridge = {
      mac: new HandshakeMac(password),
      ticketKeys,
      replayFilter: this.#createFilter(files.replays),
      redeemedTickets,
      prngSeed,
      lengths: drawLengths(prngSeed),
      silenceMs: silenceMsOf(password),
      clock,
      random,
      takeKeyPair: () => keys.take(),
      replenishKeyPairs: () => keys.replenish(),
      issueTicket: () => {
        const now = clock.now()
        // Its client would be met with silence.
        return redeemedTickets.isFull(epochHourOf(now)) ? undefined : ticketKeys.issue(now)
      },
      onFilterError: ({ code }) => log('replay-filter:error', { code }),
    }
    return {
      clientArguments: Object.freeze({ password: formatPassword(password) }),
      codec: (): Codec => new ServerCodec(bridge),
      close: async () => {
        keys.close()
        await saving.finish()
        await closeFiles(files)
      },
    }
  }
}

/** Saves ticket keys, one time after the other. */
class TicketKeySaving {
  readonly #directory: StateDirectory | undefined
  readonly #onError: (error: unknown) => void
  #busy: Promise<void> = Promise.resolve()

  constructor(directory: StateDirectory | undefined, onError: (error: unknown) => void) {
    this.#directory = directory
    this.#onError = onError
  }

  save(keys: readonly TicketKey[]): void {
    const directory = this.#directory
    if (directory === undefined) return
    this.#busy = this.#busy.catch(() => {}).then(() => saveTicketKeys(directory, keys))
    this.#busy.catch(this.#onError)
  }

  /** Rejects when the last keys could not be saved. */
  firstSaved(): Promise<void> {
    return this.#busy
  }

  async finish(): Promise<void> {
    await this.#busy.catch(() => {})
  }
}

async function closeFiles({ replays, redeemed }: Files): Promise<void> {
  await redeemed?.close()
  await replays?.close()
}

function codeOf(error: unknown): unknown {
  return error instanceof PtError ? error.code : undefined
}
