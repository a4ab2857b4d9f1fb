import type { ChildProcess } from 'node:child_process'
import { nextMessage, startBuiltProcess } from '../test/support/built-process.ts'
import type { ManagedProcess, ProcessOwner } from '../test/support/managed-process.ts'
import { parseServerMethod, portOf } from '../test/support/method-lines.ts'
import { startPtkit } from '../test/support/ptkit-process.ts'
import { temporaryDirectory } from '../test/support/temporary-directory.ts'
import { endProcess, nodeOptions, startListening } from './contenders.ts'
import type { PacketLoadParameters } from './packets-load.ts'

/** What packets go through from the one application to the other. */
export interface PacketLane {
  readonly name: string
  /** The processes whose CPU is the lane's: what stands between the applications, or they themselves. */
  readonly pids: readonly number[]
  readonly sender: ChildProcess
  readonly receiver: ChildProcess
}

/** What stands between two applications, and the UDP port that the first one sends to. */
interface Path {
  readonly port: number
  readonly pids: readonly number[]
}

const LOAD = new URL('packets-load.ts', import.meta.url)
const RELAY = new URL('packets-relay.ts', import.meta.url)
const PTKIT_ARGUMENTS = '-ptversion 3.0 -transports obfs4 -exit-on-stdin-close -mode transparent-UDP'.split(' ')

/** Starts ptkit, two relays without a transport, and nothing, each between two applications of its own with UDP sockets. */
export async function startPaths(owner: ProcessOwner): Promise<readonly PacketLane[]> {
  const lanes: PacketLane[] = []
  for (const [name, start] of [
    ['ptkit', startPtkitPair],
    ['bare relay', startRelays],
    ['direct', startNothing],
  ] as const) {
    const receiver = await startListening(owner, LOAD, { carrier: 'dgram' } satisfies PacketLoadParameters)
    const { port, pids } = await start(owner, receiver.port)
    const sender = await startSender(owner, { carrier: 'dgram', to: { port, cert: '' } })
    lanes.push({ name, pids, sender, receiver: receiver.child })
  }
  return lanes
}

/** Starts two applications that use the API over obfs4, and two with UDP sockets; nothing stands between. */
export async function startEnds(owner: ProcessOwner): Promise<readonly PacketLane[]> {
  const lanes: PacketLane[] = []
  for (const carrier of ['obfs4', 'dgram'] as const) {
    const parameters: PacketLoadParameters = { carrier }
    const { child, port, cert } = await startListening<{ readonly port: number; readonly cert: string }>(
      owner,
      LOAD,
      parameters,
    )
    const sender = await startSender(owner, { carrier, to: { port, cert } })
    lanes.push({ name: carrier, pids: [sender.pid!, child.pid!], sender, receiver: child })
  }
  return lanes
}

async function startPtkitPair(owner: ProcessOwner, applicationPort: number): Promise<Path> {
  const start = async (role: 'server' | 'client', ...args: readonly string[]): Promise<ManagedProcess> => {
    const state = ['-state', await temporaryDirectory(owner)]
    const environment = nodeOptions(role === 'server' ? 'SERVER' : 'CLIENT')
    return startPtkit(owner, environment, [...PTKIT_ARGUMENTS, ...state, `-${role}`, ...args])
  }
  const application = `127.0.0.1:${applicationPort}`
  const server = await start('server', '-bindaddr', 'obfs4-127.0.0.1:0', '-target', application)
  const { port, clientArguments } = parseServerMethod(await server.line('SMETHOD obfs4 '))
  const bridge = ['-target', `127.0.0.1:${port}`, '-options', JSON.stringify({ obfs4: clientArguments })]
  const client = await start('client', '-proxylistenaddr', '127.0.0.1:0', ...bridge)
  const method = await client.line('CMETHOD obfs4 ')
  return { port: portOf(method), pids: [client.child.pid!, server.child.pid!] }
}

async function startRelays(owner: ProcessOwner, applicationPort: number): Promise<Path> {
  const server = await startListening(owner, RELAY, { port: applicationPort })
  const client = await startListening(owner, RELAY, { port: server.port })
  return { port: client.port, pids: [client.child.pid!, server.child.pid!] }
}

function startNothing(_owner: ProcessOwner, applicationPort: number): Promise<Path> {
  return Promise.resolve({ port: applicationPort, pids: [] })
}

async function startSender(owner: ProcessOwner, parameters: PacketLoadParameters): Promise<ChildProcess> {
  const child = startBuiltProcess(LOAD, parameters)
  owner.after(() => endProcess(child))
  await nextMessage(child)
  return child
}
