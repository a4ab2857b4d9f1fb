import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { hasCommand } from './commands.ts'
import { poll } from './poll.ts'
import { temporaryDirectory } from './temporary-directory.ts'
import { TorProcess, run } from './tor-process.ts'
import { closedPort } from './closed-port.ts'

const AUTHORITY_COUNT = 3
const EXIT_COUNT = 2
const CONSENSUS_LIMIT_MS = 90_000
const BOOTSTRAP_LIMIT_MS = 60_000

/** Whether to skip, and why. Where PT_REQUIRE_PEERS=1 is set, a missing tor fails instead. */
export const skipWithoutTor: string | false =
  (hasCommand('tor') && hasCommand('tor-gencert')) || process.env['PT_REQUIRE_PEERS'] === '1'
    ? false
    : 'tor is not installed (apt-get install tor)'

/** A bridge, and the bridge line that its client needs. */
export interface TorBridge {
  readonly tor: TorProcess
  readonly fingerprint: string
  readonly bridgeLine: string
  /** Reads what it logged of its network and its clients so far, at the level of debugging. */
  readonly debugLog: () => Promise<string>
}

export interface TorClient {
  readonly tor: TorProcess
  readonly socksPort: number
}

/** A Tor network of its own on loopback: three directory authorities, which also relay, and two exits. */
export class TorNetwork {
  readonly #test: TestContext
  readonly #directory: string
  readonly #common: readonly string[]
  #count = 0

  private constructor(test: TestContext, directory: string, common: readonly string[]) {
    this.#test = test
    this.#directory = directory
    this.#common = common
  }

  /** Starts the network and waits for a consensus with all its relays in it. Everything ends with the test. */
  static async start(test: TestContext): Promise<TorNetwork> {
    const directory = await temporaryDirectory(test)
    const authorities = await Promise.all(
      Array.from({ length: AUTHORITY_COUNT }, (_, index) => prepareAuthority(join(directory, `authority${index}`))),
    )
    const common = [...NETWORK, ...authorities.map(({ line }) => line)]
    await Promise.all(
      authorities.map(({ path, orPort, dirPort }) =>
        TorProcess.start(test, path, [...common, ...relayLines(orPort), ...AUTHORITY, `DirPort ${dirPort}`]),
      ),
    )
    const network = new TorNetwork(test, directory, common)
    for (let index = 0; index < EXIT_COUNT; index++) {
      await TorProcess.start(test, join(directory, `exit${index}`), [
        ...common,
        ...relayLines(await closedPort()),
        'ExitRelay 1',
        // A policy for loopback alone has the summary "reject", and no client would choose this exit. Only loopback is asked for.
        'ExitPolicy accept *:*',
      ])
    }
    await consensus(authorities[0]!.dirPort)
    return network
  }

  /** Starts a bridge whose obfs4 is the given command line, and waits until it has bootstrapped. */
  async startBridge(command: string): Promise<TorBridge> {
    const path = join(this.#directory, `bridge${this.#count++}`)
    const [orPort, port] = [await closedPort(), await closedPort()]
    const log = join(path, 'debug.log')
    await mkdir(path, { mode: 0o700 })
    const tor = await TorProcess.start(this.#test, path, [
      ...this.#common,
      ...relayLines(orPort),
      `Log [net,general]debug file ${log}`,
      'BridgeRelay 1',
      'PublishServerDescriptor 0',
      'BridgeDistribution none',
      'ExtORPort auto',
      `ServerTransportPlugin obfs4 exec ${command}`,
      `ServerTransportListenAddr obfs4 127.0.0.1:${port}`,
    ])
    await tor.notice(/Registered server transport 'obfs4'/, BOOTSTRAP_LIMIT_MS)
    await tor.notice(/Bootstrapped 100%/, BOOTSTRAP_LIMIT_MS)
    const fingerprint = (await readFile(join(path, 'fingerprint'), 'utf8')).trim().split(' ')[1]!
    // As an operator takes it: from what the transport left in its state directory.
    const line = await readFile(join(path, 'pt_state/obfs4_bridgeline.txt'), 'utf8')
    const args = /^Bridge obfs4 .*?(cert=.*)$/m.exec(line)![1]!
    return {
      tor,
      fingerprint,
      bridgeLine: `obfs4 127.0.0.1:${port} ${fingerprint} ${args}`,
      debugLog: () => readFile(log, 'utf8'),
    }
  }

  /** Starts a client of one bridge whose obfs4 is the given command line, and waits until it has bootstrapped. */
  async startClient(command: string, { bridgeLine }: TorBridge): Promise<TorClient> {
    const socksPort = await closedPort()
    const tor = await TorProcess.start(this.#test, join(this.#directory, `client${this.#count++}`), [
      ...this.#common,
      ...CONTROL,
      `SocksPort 127.0.0.1:${socksPort}`,
      'UseBridges 1',
      // It wants two bridges.
      'ConfluxEnabled 0',
      `Bridge ${bridgeLine}`,
      `ClientTransportPlugin obfs4 exec ${command}`,
    ])
    await tor.notice(/Bootstrapped 100%/, BOOTSTRAP_LIMIT_MS)
    return { tor, socksPort }
  }
}

const CONTROL = ['ControlPort auto', 'CookieAuthentication 0']

// 5 and 10 s, 2 and 2 s are the least that tor accepts in a test network.
const NETWORK = [
  'TestingTorNetwork 1',
  'Address 127.0.0.1',
  'AssumeReachable 1',
  'ProtocolWarnings 1',
  'SafeLogging 0',
  'PathsNeededToBuildCircuits 0.6',
  'TestingV3AuthInitialVotingInterval 5',
  'TestingV3AuthInitialVoteDelay 2',
  'TestingV3AuthInitialDistDelay 2',
]

const AUTHORITY = [
  'AuthoritativeDirectory 1',
  'V3AuthoritativeDirectory 1',
  'ContactInfo nobody@example.com',
  'V3AuthVotingInterval 10',
  'V3AuthVoteDelay 2',
  'V3AuthDistDelay 2',
  'TestingDirAuthVoteExit *',
  'TestingDirAuthVoteGuard *',
  'TestingDirAuthVoteHSDir *',
  'ExitPolicy reject *:*',
]

function relayLines(orPort: number): readonly string[] {
  return [...CONTROL, `ORPort 127.0.0.1:${orPort}`, `Nickname relay${orPort}`, 'SocksPort 0']
}

interface Authority {
  readonly path: string
  readonly orPort: number
  readonly dirPort: number
  /** Its DirAuthority line. */
  readonly line: string
}

/** Makes the keys of an authority, and the line by which all others know it. */
async function prepareAuthority(path: string): Promise<Authority> {
  const keys = join(path, 'keys')
  await mkdir(keys, { recursive: true, mode: 0o700 })
  const [orPort, dirPort] = [await closedPort(), await closedPort()]
  const generating = run('sh', [
    '-c',
    'cd "$0" && echo pass | tor-gencert --create-identity-key --passphrase-fd 0 -m 1 -a "127.0.0.1:$1"',
    keys,
    String(dirPort),
  ])
  const options = {
    DataDirectory: path,
    Nickname: `relay${orPort}`,
    ORPort: String(orPort),
    // Any: without one it would not be an authority, and its own line is what is sought.
    DirAuthority: 'placeholder 127.0.0.1:1 ffffffffffffffffffffffffffffffffffffffff',
  }
  const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
  const listing = run('tor', ['-f', '/dev/null', '--ignore-missing-torrc', '--quiet', '--list-fingerprint', ...flags])
  const [, { stdout }] = await Promise.all([generating, listing])
  const fingerprint = stdout.trim().split('\n').at(-1)!.replace(/^\S+ /, '')
  const certificate = await readFile(join(keys, 'authority_certificate'), 'utf8')
  const identity = /^fingerprint (\S+)$/m.exec(certificate)![1]!
  return {
    path,
    orPort,
    dirPort,
    line: `DirAuthority relay${orPort} orport=${orPort} v3ident=${identity} 127.0.0.1:${dirPort} ${fingerprint}`,
  }
}

/** Waits for a consensus in which every relay runs, the exits among them as such. */
async function consensus(dirPort: number): Promise<void> {
  await poll('a consensus with all relays', CONSENSUS_LIMIT_MS, async () => {
    const answer = await fetch(`http://127.0.0.1:${dirPort}/tor/status-vote/current/consensus-microdesc`).catch(
      () => undefined,
    )
    if (answer?.ok !== true) return undefined
    const running = (await answer.text()).match(/^s .*\bRunning\b/gm) ?? []
    return running.length === AUTHORITY_COUNT + EXIT_COUNT ? running : undefined
  })
}
