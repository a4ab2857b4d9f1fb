import type { ChildProcess } from 'node:child_process'
import process from 'node:process'
import { nextMessage, startBuiltProcess } from '../test/support/built-process.ts'
import type { ManagedProcess, ProcessOwner } from '../test/support/managed-process.ts'
import { startObfs4proxyClient, startObfs4proxyServer } from '../test/support/obfs4proxy.ts'
import { startPtkitClient, startPtkitServer } from '../test/support/ptkit-process.ts'
import { socksAuthentication } from '../test/support/socks-client.ts'
import { temporaryDirectory } from '../test/support/temporary-directory.ts'
import type { LoadRoute } from './load-process.ts'
import type { BenchedTransport } from './transports.ts'

/** Programs that ptkit is measured beside. */
export type PeerName = 'obfs4proxy'

/** What stands between the two applications; between those of 'direct' is nothing. */
export type ContenderName = PeerName | 'ptkit' | 'bare relay' | 'direct'

/** A peer's pair of client and server in front of an application, and how to start it. */
export type StartPeer = (owner: ProcessOwner, applicationPort: number) => Promise<Omit<Contender, 'name'>>

/** ptkit and a peer, over the same transport. */
export interface Comparison {
  readonly transport: BenchedTransport
  readonly peer: PeerName
  readonly startPeer: StartPeer
}

/** A client and a server process, and the way through both. */
export interface Contender {
  readonly name: ContenderName
  /** The client's process and the server's; none for 'direct'. */
  readonly pids: readonly number[]
  readonly route: LoadRoute
}

const LOAD = new URL('load-process.ts', import.meta.url)
const RELAY = new URL('relay-process.ts', import.meta.url)

/** Starts client and server of one kind in front of the application on `applicationPort`. */
export async function startContender(
  owner: ProcessOwner,
  name: ContenderName,
  { transport, startPeer }: Comparison,
  applicationPort: number,
): Promise<Contender> {
  if (name === 'direct') return { name, pids: [], route: { port: applicationPort } }
  if (name === 'bare relay') return startRelays(owner, applicationPort)
  const pair =
    name === 'ptkit' ? await startPtkits(owner, transport, applicationPort) : await startPeer(owner, applicationPort)
  return { name, ...pair }
}

async function startPtkits(
  owner: ProcessOwner,
  { name, server: options, client: given }: BenchedTransport,
  applicationPort: number,
): Promise<Omit<Contender, 'name'>> {
  const server = await startPtkitServer(owner, await temporaryDirectory(owner), {
    TOR_PT_SERVER_TRANSPORTS: name,
    TOR_PT_ORPORT: `127.0.0.1:${applicationPort}`,
    TOR_PT_SERVER_TRANSPORT_OPTIONS: Object.entries(options)
      .map(([option, value]) => `${name}:${option}=${value.replace(/[\\;:=]/g, '\\$&')}`)
      .join(';'),
    ...nodeOptions('SERVER'),
  })
  const environment = { TOR_PT_CLIENT_TRANSPORTS: name, ...nodeOptions('CLIENT') }
  const client = await startPtkitClient(owner, await temporaryDirectory(owner), environment)
  return throughSocks(client, server, { ...given, ...server.clientArguments })
}

/** Starts obfs4proxy's pair. */
export const startObfs4proxies: StartPeer = async (owner, applicationPort) => {
  const stateDir = await temporaryDirectory(owner)
  const server = await startObfs4proxyServer(owner, { stateDir, applicationPort })
  const client = await startObfs4proxyClient(owner, await temporaryDirectory(owner))
  return throughSocks(client, server, server.clientArguments)
}

function throughSocks(
  client: { readonly process: ManagedProcess; readonly socksPort: number },
  server: { readonly process: ManagedProcess; readonly port: number },
  args: Readonly<Record<string, string>>,
): Omit<Contender, 'name'> {
  const authentication = socksAuthentication(args).toString('hex')
  return {
    pids: [client.process.child.pid!, server.process.child.pid!],
    route: { port: client.socksPort, socks: { authentication, targetPort: server.port } },
  }
}

/** Flags for the Node of one side of ptkit, to profile it. */
export function nodeOptions(side: 'CLIENT' | 'SERVER'): NodeJS.ProcessEnv {
  const options = process.env[`BENCH_${side}_NODE_OPTIONS`]
  return options === undefined ? {} : { NODE_OPTIONS: options }
}

async function startRelays(owner: ProcessOwner, applicationPort: number): Promise<Contender> {
  const server = await startListening(owner, RELAY, { port: applicationPort })
  const client = await startListening(owner, RELAY, { port: server.port })
  return { name: 'bare relay', pids: [client.child.pid!, server.child.pid!], route: { port: client.port } }
}

/** Starts the application that the connections go to. */
export function startApplication(
  owner: ProcessOwner,
): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  return startListening(owner, LOAD, {})
}

/** Starts an application that dials through `route`. */
export function startLoad(owner: ProcessOwner, route: LoadRoute): ChildProcess {
  const child = startBuiltProcess(LOAD, { route })
  owner.after(() => endProcess(child))
  return child
}

/** Starts a module that tells what it listens on. */
export async function startListening<Address extends { readonly port: number } = { readonly port: number }>(
  owner: ProcessOwner,
  module: URL,
  parameters: object,
): Promise<Address & { readonly child: ChildProcess }> {
  const child = startBuiltProcess(module, parameters)
  owner.after(() => endProcess(child))
  return { ...(await nextMessage<Address>(child)), child }
}

/** Kills a process of startBuiltProcess() and waits for its end. */
export function endProcess(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}
