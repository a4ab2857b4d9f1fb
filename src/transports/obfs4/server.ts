import type { Codec } from '../../core/codec.ts'
import type { SlotFile, StateDirectory } from '../../core/platform.ts'
import type { Environment, ServerProtocol, ServerSession } from '../../core/transport.ts'
import { openSlotFile } from '../../core/state-file.ts'
import { HashDrbg } from '../../crypto/drbg.ts'
import { GoRand } from '../../crypto/go-rand.ts'
import { KeyPool } from '../../crypto/key-pool.ts'
import { ReplayFilter, createReplayFile, replayFileForm } from '../../crypto/replay-filter.ts'
import { importX25519PrivateKey } from '../../crypto/x25519.ts'
import { formatCert } from './cert.ts'
import { MAX_CLOSE_DELAY_SECONDS, SERVER_HANDSHAKE_MS } from './constants.ts'
import { HandshakeMac, type SessionKeyPair, makeSessionKeyPair } from './handshake.ts'
import type { Obfs4ServerOptions } from './options.ts'
import { type Bridge, ServerCodec } from './server-codec.ts'
import { ShapeTables } from './shaper.ts'
import { type BridgeState, loadBridgeState } from './state.ts'

const REPLAY_FILE_NAME = 'obfs4_replay.bin'

/** How long a bridge reads and drops what it does not recognise: the handshake limit and a delay that its seed gives; in ms. */
export function silenceMsOf(drbgSeed: Uint8Array): number {
  return SERVER_HANDSHAKE_MS + new GoRand(new HashDrbg(drbgSeed)).intn(MAX_CLOSE_DELAY_SECONDS) * 1000
}

/** What the listeners of one Server Factory share: identity, replay filter, key pool. State is read when it is opened. */
export class Obfs4Server implements ServerProtocol {
  readonly #options: Obfs4ServerOptions
  readonly #environment: Environment

  constructor(options: Obfs4ServerOptions, environment: Environment) {
    this.#options = options
    this.#environment = environment
  }

  async open(): Promise<ServerSession> {
    const { platform } = this.#environment
    const { stateDir, identity, iatMode } = this.#options
    const directory = stateDir === undefined ? undefined : await platform.store.directory(stateDir)
    const slots = await this.#openSlots(directory)
    try {
      const state = await loadBridgeState({ directory, identity, iatMode, random: platform.random })
      if (state.overridesStored) this.#environment.log('state:identity-differs')
      return this.#openSession(state, slots)
    } catch (error) {
      await slots?.close()
      throw error
    }
  }

  /** Opens the filter's file, whose lock stands for the whole directory. */
  async #openSlots(directory: StateDirectory | undefined): Promise<SlotFile | undefined> {
    const { platform, log } = this.#environment
    if (directory === undefined) {
      log('replay-filter:memory-only')
      return undefined
    }
    return openSlotFile(directory, replayFileForm(REPLAY_FILE_NAME, platform.random))
  }

  #openSession(state: BridgeState, slots: SlotFile | undefined): ServerSession {
    const { platform, log } = this.#environment
    const { clock, random } = platform
    const identity = { nodeId: state.nodeId, publicKey: state.publicKey }
    const keys = new KeyPool<SessionKeyPair>({
      make: () => makeSessionKeyPair(random),
      defer: (task) => clock.defer(task),
      onInline: () => log('key-pool:empty'),
    })
    const bridge: Bridge = {
      key: { ...identity, privateKey: importX25519PrivateKey(state.privateKey) },
      mac: new HandshakeMac(identity),
      replayFilter: new ReplayFilter(
        slots === undefined
          ? { content: createReplayFile(random) }
          : { content: slots.initial, write: (position, bytes) => slots.write(position, bytes) },
      ),
      prngSeed: state.drbgSeed,
      tables: new ShapeTables(state.drbgSeed),
      iatMode: state.iatMode,
      silenceMs: silenceMsOf(state.drbgSeed),
      clock,
      random,
      takeKeyPair: () => keys.take(),
      replenishKeyPairs: () => keys.replenish(),
      onFilterError: ({ code }) => log('replay-filter:error', { code }),
    }
    return {
      clientArguments: Object.freeze({ cert: formatCert(identity), 'iat-mode': String(state.iatMode) }),
      codec: (): Codec => new ServerCodec(bridge),
      close: async () => {
        keys.close()
        await slots?.close()
      },
    }
  }
}
