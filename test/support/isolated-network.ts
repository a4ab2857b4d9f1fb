import { execFileSync, spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ManagedProcess } from './managed-process.ts'
import { temporaryDirectory } from './temporary-directory.ts'

/** Everything outside answers at this address, on any port that the trap listens on. */
export const OUTSIDE_HOST = '192.0.2.10'
/** Of the listener outside. */
export const OUTSIDE_PORT = 443
const RESOLVER_HOST = '192.0.2.53'

const works = process.platform === 'linux' && spawnSync('unshare', ['-nm', 'ip', 'link']).status === 0

/** Whether to skip, and why. Where PT_REQUIRE_PEERS=1 is set, a system that does not let us fails instead. */
export const skipWithoutNamespaces: string | false =
  works || process.env['PT_REQUIRE_PEERS'] === '1'
    ? false
    : 'network namespaces cannot be made here (root, unshare and apt-get install iproute2)'

// IPv6 speaks unasked whenever a link comes up, and would be counted.
const INSIDE = `set -e
echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
ip link set lo up
ip link add inside type veth peer name outside netns "$1"
ip address add 192.0.2.1/24 dev inside
ip link set inside up
ip route add default via ${OUTSIDE_HOST}
mount --bind "$2" /etc/resolv.conf
echo ready
exec cat`

const OUTSIDE = `set -e
echo 1 >/proc/sys/net/ipv6/conf/outside/disable_ipv6
ip address add ${OUTSIDE_HOST}/24 dev outside
ip address add ${RESOLVER_HOST}/24 dev outside
ip link set outside up`

/** What left the namespace, or could have been seen of it, since the network was opened. */
export interface Traffic {
  /** Packets sent to anywhere but loopback. */
  readonly packetCount: number
  /** UDP datagrams sent, to loopback or not. */
  readonly datagramCount: number
  /** TCP connections begun, to loopback or not. */
  readonly dialCount: number
  /** Names that the resolver was asked for; every one is that of OUTSIDE_HOST. */
  readonly queries: readonly string[]
  /** TCP connections that came to OUTSIDE_PORT of OUTSIDE_HOST. */
  readonly arrivalCount: number
}

/** A network namespace with loopback, and with one way out: to a trap that listens, resolves and tells. It ends with its test. */
export class IsolatedNetwork {
  readonly #pid: number
  readonly #trap: ManagedProcess

  private constructor(pid: number, trap: ManagedProcess) {
    this.#pid = pid
    this.#trap = trap
  }

  static async open(test: TestContext): Promise<IsolatedNetwork> {
    const resolvConf = join(await temporaryDirectory(test), 'resolv.conf')
    await writeFile(resolvConf, `nameserver ${RESOLVER_HOST}\noptions attempts:1 timeout:2\n`)
    const outside = new ManagedProcess(test, 'unshare', ['-n', 'sh', '-c', 'echo ready; exec cat'])
    await outside.line('ready')
    const outsidePid = String(outside.child.pid)
    const inside = new ManagedProcess(test, 'unshare', ['-nm', 'sh', '-c', INSIDE, 'sh', outsidePid, resolvConf])
    await inside.line('ready')
    execFileSync('nsenter', ['-t', outsidePid, '-n', 'sh', '-c', OUTSIDE])
    const trapModule = fileURLToPath(new URL('trap-process.ts', import.meta.url))
    const node = [process.execPath, '--import', import.meta.resolve('tsx'), trapModule]
    const addresses = [OUTSIDE_HOST, String(OUTSIDE_PORT), RESOLVER_HOST]
    const trap = new ManagedProcess(test, 'nsenter', ['-t', outsidePid, '-n', ...node, ...addresses])
    await trap.line('ready')
    return new IsolatedNetwork(inside.child.pid!, trap)
  }

  /** Returns the command line that runs another one inside. */
  command(...command: readonly string[]): readonly [string, readonly string[]] {
    return ['nsenter', ['-t', String(this.#pid), '-n', '-m', ...command]]
  }

  /** Counts what happened so far. */
  async traffic(): Promise<Traffic> {
    const [command, args] = this.command('cat', '/proc/self/net/dev', '/proc/self/net/snmp')
    const text = execFileSync(command, args, { encoding: 'utf8' })
    const link = /^ *inside:(.*)$/m.exec(text)![1]!.trim().split(/\s+/)
    this.#trap.child.stdin!.write('report\n')
    const report = await this.#trap.line('report ')
    return {
      packetCount: Number(link[9]),
      datagramCount: counter(text, 'Udp', 'OutDatagrams'),
      dialCount: counter(text, 'Tcp', 'ActiveOpens'),
      ...(JSON.parse(report.slice('report '.length)) as Pick<Traffic, 'queries' | 'arrivalCount'>),
    }
  }
}

/** Reads one counter of /proc/net/snmp: a line of names, then one of values. */
function counter(text: string, protocol: string, name: string): number {
  const [names, values] = [...text.matchAll(new RegExp(`^${protocol}: (.*)$`, 'gm'))].map(([, line]) =>
    line!.split(' '),
  )
  return Number(values![names!.indexOf(name)])
}
