import process from 'node:process'
import { ManagedProcess, type ProcessOwner } from './managed-process.ts'
import { parseServerMethod, portOf } from './method-lines.ts'
import { ptkitPath } from './ptkit.ts'

/** Starts ptkit with an environment, as a parent does. */
export function startPtkit(
  owner: ProcessOwner,
  environment: NodeJS.ProcessEnv,
  args: readonly string[] = [],
): ManagedProcess {
  return new ManagedProcess(owner, process.execPath, [ptkitPath, ...args], environment)
}

/** What tor gives every child. */
export function torEnvironment(stateDir: string): NodeJS.ProcessEnv {
  return { TOR_PT_MANAGED_TRANSPORT_VER: '1', TOR_PT_EXIT_ON_STDIN_CLOSE: '1', TOR_PT_STATE_LOCATION: stateDir }
}

/**
 * Starts ptkit as tor's server of one transport, obfs4 unless the environment names another, on a free port of loopback; `environment` says
 * where its connections go.
 */
export async function startPtkitServer(
  owner: ProcessOwner,
  stateDir: string,
  environment: NodeJS.ProcessEnv,
  args: readonly string[] = [],
): Promise<{
  readonly process: ManagedProcess
  readonly port: number
  readonly clientArguments: Readonly<Record<string, string>>
  /** Its SMETHOD line. */
  readonly methodLine: string
}> {
  const transport = environment['TOR_PT_SERVER_TRANSPORTS'] ?? 'obfs4'
  const bind = { TOR_PT_SERVER_TRANSPORTS: transport, TOR_PT_SERVER_BINDADDR: `${transport}-127.0.0.1:0` }
  const child = startPtkit(owner, { ...torEnvironment(stateDir), ...bind, ...environment }, args)
  const methodLine = await child.line(`SMETHOD ${transport} `)
  await child.line('SMETHODS DONE')
  return { process: child, methodLine, ...parseServerMethod(methodLine) }
}

/** Starts ptkit as tor's client of one transport, obfs4 unless the environment names another; the port is that of its SOCKS listener. */
export async function startPtkitClient(
  owner: ProcessOwner,
  stateDir: string,
  environment: NodeJS.ProcessEnv = {},
): Promise<{ readonly process: ManagedProcess; readonly socksPort: number }> {
  const transport = environment['TOR_PT_CLIENT_TRANSPORTS'] ?? 'obfs4'
  const child = startPtkit(owner, { ...torEnvironment(stateDir), TOR_PT_CLIENT_TRANSPORTS: transport, ...environment })
  const [, , , address] = (await child.line(`CMETHOD ${transport} `)).split(' ')
  await child.line('CMETHODS DONE')
  return { process: child, socksPort: portOf(address!) }
}
