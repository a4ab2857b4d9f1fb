import { hasCommand } from './commands.ts'
import { ManagedProcess, type ProcessOwner } from './managed-process.ts'
import { parseServerMethod, portOf } from './method-lines.ts'

/** Whether to skip, and why: for node:test's `skip`. Where PT_REQUIRE_PEERS=1 is set, a missing peer fails instead. */
export const skipWithoutObfs4proxy: string | false =
  hasCommand('obfs4proxy') || process.env['PT_REQUIRE_PEERS'] === '1'
    ? false
    : 'obfs4proxy is not installed (apt-get install obfs4proxy)'

export interface Obfs4proxyServer {
  readonly process: ManagedProcess
  readonly port: number
  /** Of its SMETHOD line. */
  readonly clientArguments: Readonly<Record<string, string>>
}

/** Starts obfs4proxy as a managed server on a free port of loopback, in front of `applicationPort`. */
export async function startObfs4proxyServer(
  owner: ProcessOwner,
  settings: {
    readonly stateDir: string
    readonly applicationPort: number
    readonly port?: number
    readonly options?: Readonly<Record<string, string>>
  },
): Promise<Obfs4proxyServer> {
  const { stateDir, applicationPort, port = 0, options = {} } = settings
  const process = new ManagedProcess(owner, 'obfs4proxy', [], {
    ...commonEnvironment(stateDir),
    TOR_PT_SERVER_TRANSPORTS: 'obfs4',
    TOR_PT_SERVER_BINDADDR: `obfs4-127.0.0.1:${port}`,
    TOR_PT_ORPORT: `127.0.0.1:${applicationPort}`,
    TOR_PT_SERVER_TRANSPORT_OPTIONS: Object.entries(options)
      .map(([name, value]) => `obfs4:${name}=${value}`)
      .join(';'),
  })
  const method = parseServerMethod(await process.line('SMETHOD obfs4 '))
  await process.line('SMETHODS DONE')
  return { process, ...method }
}

/** Starts obfs4proxy as a managed client of a transport; the port is that of its SOCKS listener. */
export async function startObfs4proxyClient(
  owner: ProcessOwner,
  stateDir: string,
  transport: 'obfs4' | 'scramblesuit' = 'obfs4',
): Promise<{ readonly process: ManagedProcess; readonly socksPort: number }> {
  const process = new ManagedProcess(owner, 'obfs4proxy', [], {
    ...commonEnvironment(stateDir),
    TOR_PT_CLIENT_TRANSPORTS: transport,
  })
  const [, , , address] = (await process.line(`CMETHOD ${transport} `)).split(' ')
  await process.line('CMETHODS DONE')
  return { process, socksPort: portOf(address!) }
}

function commonEnvironment(stateDir: string): NodeJS.ProcessEnv {
  return { TOR_PT_MANAGED_TRANSPORT_VER: '1', TOR_PT_EXIT_ON_STDIN_CLOSE: '1', TOR_PT_STATE_LOCATION: stateDir }
}
