import { readFile } from 'node:fs/promises'
import { hasCommand } from './commands.ts'
import { ManagedProcess, type ProcessOwner } from './managed-process.ts'
import { poll } from './poll.ts'
import { freePorts, untilBound } from './udp-sockets.ts'

const COMMANDS = ['ss-server', 'ss-local', 'ss-tunnel']
const START_LIMIT_MS = 10_000
/** The state of a listening socket in /proc/net/tcp. */
const LISTENING = '0A'

/** Whether to skip, and why: for node:test's `skip`. Where PT_REQUIRE_PEERS=1 is set, a missing peer fails instead. */
export const skipWithoutShadowsocks: string | false =
  COMMANDS.every(hasCommand) || process.env['PT_REQUIRE_PEERS'] === '1'
    ? false
    : 'shadowsocks-libev is not installed (apt-get install shadowsocks-libev)'

/** What both sides must be told. */
export interface SharedSecret {
  readonly method: string
  readonly password: string
}

export interface Running {
  readonly process: ManagedProcess
  readonly port: number
}

/** Starts ss-server on a free port of loopback, for TCP and UDP. */
export function startSsServer(owner: ProcessOwner, secret: SharedSecret): Promise<Running> {
  return start(owner, 'ss-server', secret, (port) => ['-s', '127.0.0.1', '-p', String(port)])
}

/** Starts ss-local, a SOCKS server on a free port of loopback. */
export function startSsLocal(owner: ProcessOwner, secret: SharedSecret, serverPort: number): Promise<Running> {
  return start(owner, 'ss-local', secret, (port) => [...serverAt(serverPort), '-l', String(port)])
}

/** Starts ss-tunnel, which brings a free port of loopback to one target through the server, for TCP and UDP. */
export function startSsTunnel(
  owner: ProcessOwner,
  secret: SharedSecret,
  { serverPort, target }: { readonly serverPort: number; readonly target: string },
): Promise<Running> {
  return start(owner, 'ss-tunnel', secret, (port) => [...serverAt(serverPort), '-l', String(port), '-L', target])
}

function serverAt(port: number): string[] {
  return ['-s', '127.0.0.1', '-p', String(port), '-b', '127.0.0.1']
}

async function start(
  owner: ProcessOwner,
  command: string,
  { method, password }: SharedSecret,
  place: (port: number) => readonly string[],
): Promise<Running> {
  const [port] = (await freePorts(1)) as [number]
  const child = new ManagedProcess(owner, command, [...place(port), '-k', password, '-m', method, '-u'])
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  await poll(`${command} at its port`, START_LIMIT_MS, async () => {
    if (child.child.exitCode !== null) throw new Error(`${command} ended: ${child.errorOutput}`)
    const table = await readFile(`/proc/${child.child.pid}/net/tcp`, 'utf8').catch(() => '')
    const rows = table.split('\n').map((row) => row.trim().split(/\s+/))
    return rows.some(([, local, , state]) => local?.endsWith(suffix) === true && state === LISTENING) || undefined
  })
  await untilBound(child, port)
  return { process: child, port }
}
