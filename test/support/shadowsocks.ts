import { readFileSync, readdirSync } from 'node:fs'
import { hasCommand } from './commands.ts'
import { ManagedProcess, type ProcessOwner } from './managed-process.ts'
import { poll } from './poll.ts'
import { skipWithoutProc } from './process-usage.ts'
import { ptkitPath } from './ptkit.ts'

const COMMANDS = ['ss-local', 'ss-server', 'curl']
const START_LIMIT_MS = 10_000
const ACCOUNT = ['-k', 'a password of this test', '-m', 'aes-256-gcm']

/** Whether to skip, and why: for node:test's `skip`. Where PT_REQUIRE_PEERS=1 is set, a missing program fails instead. */
export const skipWithoutShadowsocks: string | false = findReason()

function findReason(): string | false {
  if (process.env['PT_REQUIRE_PEERS'] === '1') return false
  if (skipWithoutProc !== false) return skipWithoutProc
  const missing = COMMANDS.filter((command) => !hasCommand(command))
  return missing.length > 0 && `${missing.join(', ')} not installed (apt-get install shadowsocks-libev curl)`
}

/** Where one of the two programs listens, or goes: several addresses have one port. */
export interface ShadowsocksServer {
  readonly hosts: readonly string[]
  readonly port: number
}

function address({ hosts, port }: ShadowsocksServer): readonly string[] {
  return [...hosts.flatMap((host) => ['-s', host]), '-p', String(port)]
}

function plugin(options: string): readonly string[] {
  return ['--plugin', ptkitPath, '--plugin-opts', options]
}

/** Starts ss-server behind ptkit, which listens on `server`. */
export function startShadowsocksServer(
  owner: ProcessOwner,
  server: ShadowsocksServer,
  options: string,
): ManagedProcess {
  return new ManagedProcess(owner, 'ss-server', [...address(server), ...ACCOUNT, ...plugin(options)])
}

/** Starts ss-local before ptkit, which goes to `server`; applications have its SOCKS port. */
export function startShadowsocksClient(
  owner: ProcessOwner,
  server: ShadowsocksServer,
  socksPort: number,
  options: string,
): ManagedProcess {
  const own = ['-b', '127.0.0.1', '-l', String(socksPort)]
  return new ManagedProcess(owner, 'ss-local', [...address(server), ...own, ...ACCOUNT, ...plugin(options)])
}

/** Waits for the line with which the plugin of a server tells what clients need, and returns that. */
export function pluginOptionsOf(server: ManagedProcess): Promise<string> {
  return poll('the plugin options of clients', START_LIMIT_MS, async () => {
    const found = /^ptkit: plugin options of clients: (?<options>.+)$/m.exec(server.errorOutput)?.groups?.['options']
    if (found === undefined && server.child.exitCode !== null) throw new Error(server.errorOutput)
    return found
  })
}

/** Waits until a process has a child that runs ptkit, and returns its id. */
export function pluginOf({ child }: ManagedProcess): Promise<number> {
  return poll(`the plugin of ${child.pid}`, START_LIMIT_MS, async () => processes().find(isPluginOf(child.pid!)))
}

function processes(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

function isPluginOf(parent: number): (id: number) => boolean {
  return (id) => parentOf(id) === parent && readProc(id, 'cmdline').includes(ptkitPath)
}

function parentOf(id: number): number {
  // The name of a process stands in parentheses and may hold anything.
  return Number(/.*\) \S (?<parent>\d+)/s.exec(readProc(id, 'stat'))?.groups?.['parent'])
}

/** Says whether a process is there and is ptkit still. */
export function isPluginAlive(id: number): boolean {
  return readProc(id, 'cmdline').includes(ptkitPath)
}

function readProc(id: number, name: 'stat' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${id}/${name}`, 'utf8')
  } catch {
    return ''
  }
}
