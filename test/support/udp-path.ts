import assert from 'node:assert/strict'
import process from 'node:process'
import type { TestContext } from 'node:test'
import { hasCommand } from './commands.ts'
import type { ManagedProcess } from './managed-process.ts'
import { parseServerMethod, portOf } from './method-lines.ts'
import { skipWithoutProc } from './process-usage.ts'
import { startPtkit } from './ptkit-process.ts'
import { temporaryDirectory } from './temporary-directory.ts'
import { udpPortsOf } from './udp-sockets.ts'
import { type UdpWitness, startUdpWitness } from './udp-witness.ts'

const COMMON = '-ptversion 3.0 -transports obfs4 -exit-on-stdin-close'.split(' ')

/** An application's way over obfs4: ptkit as client, ptkit as server, and a witness before the application server. */
export interface UdpPath {
  /** The UDP port of ptkit's client, all that the application knows. */
  readonly port: number
  readonly server: ManagedProcess
  readonly witness: UdpWitness
}

/** Says whether to skip, and why: for node:test's `skip`. Where PT_REQUIRE_PEERS=1 is set, a missing program fails instead. */
export function skipWithout(commands: readonly string[], debianPackage: string): string | false {
  if (process.env['PT_REQUIRE_PEERS'] === '1') return false
  if (skipWithoutProc !== false) return skipWithoutProc
  const missing = commands.filter((command) => !hasCommand(command))
  return missing.length > 0 && `${missing.join(', ')} not installed (apt-get install ${debianPackage})`
}

/** Starts both sides of ptkit in a mode for UDP, in front of an application server on 127.0.0.1; they end with the test. */
export async function startUdpPath(
  test: TestContext,
  mode: 'transparent-UDP' | 'STUN',
  applicationPort: number,
): Promise<UdpPath> {
  const witness = await startUdpWitness(test, applicationPort)
  const start = async (role: '-server' | '-client', ...args: readonly string[]): Promise<ManagedProcess> =>
    startPtkit(test, {}, [...COMMON, '-mode', mode, '-state', await temporaryDirectory(test), role, ...args])

  const application = ['-target', `127.0.0.1:${witness.port}`]
  const server = await start('-server', '-bindaddr', 'obfs4-127.0.0.1:0', ...application)
  const { port: serverPort, clientArguments } = parseServerMethod(await server.line('SMETHOD obfs4 '))
  await server.line('SMETHODS DONE')
  const bridge = ['-target', `127.0.0.1:${serverPort}`, '-options', JSON.stringify({ obfs4: clientArguments })]
  const client = await start('-client', '-proxylistenaddr', '127.0.0.1:0', ...bridge)
  const method = await client.line('CMETHOD obfs4 ')
  assert.equal(method.split(' ')[2], mode)
  await client.line('CMETHODS DONE')
  return { port: portOf(method), server, witness }
}

/** Asserts that packets came to the witness from `count` sockets, one for each address of applications, all of ptkit's server. */
export async function assertSources({ server, witness }: UdpPath, count: number): Promise<void> {
  const own = await udpPortsOf(server)
  const strangers = [...witness.sources.keys()].filter((port) => !own.has(port))
  assert.deepEqual(strangers, [], 'packets that are not from sockets of ptkit')
  assert.equal(witness.sources.size, count)
}
