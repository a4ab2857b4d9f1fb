import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, isIPv6 } from 'node:net'
import type { TcpAddress } from '../../core/platform.ts'
import { INHERITED } from './inherited-variables.ts'
import type { ExpectedMethod } from './scenarios.ts'
import type { Notes } from './script.ts'
import type { HostedProcess, HostLaunch } from './subject.ts'

const LOOPBACK = '127.0.0.1'

/** Holds what a child was told, by what it notes of its environment, against what the host was asked for. */
export function assertVariables(variables: Notes['variables'], options: HostLaunch): void {
  for (const [name, value] of Object.entries(INHERITED))
    assert.notEqual(variables[name], value, `${name} was handed on to the child`)
  const { role, transports, versions, stateDir, proxy, orPort, extendedOrPort, bind = {} } = options
  const names = transports.join(',')
  const expected: Readonly<Record<string, string | undefined>> = {
    TOR_PT_CLIENT_TRANSPORTS: role === 'client' ? names : undefined,
    TOR_PT_SERVER_TRANSPORTS: role === 'server' ? names : undefined,
    TOR_PT_MANAGED_TRANSPORT_VER: versions.join(','),
    TOR_PT_STATE_LOCATION: stateDir,
    TOR_PT_EXIT_ON_STDIN_CLOSE: '1',
    TOR_PT_PROXY: proxy,
    TOR_PT_ORPORT: orPort && textOf(orPort),
    TOR_PT_EXTENDED_SERVER_PORT: extendedOrPort && textOf(extendedOrPort.address),
    TOR_PT_AUTH_COOKIE_FILE: extendedOrPort?.cookieFile,
  }
  for (const [name, value] of Object.entries(expected))
    // An empty one says as much as none (PT 1.0 §3.2.3).
    assert.equal(variables[name] || undefined, value, `the child must be told what it was asked for: ${name}`)
  const binds = (variables['TOR_PT_SERVER_BINDADDR'] ?? '').split(',')
  for (const [name, address] of Object.entries(bind))
    assert.ok(
      binds.includes(`${name}-${textOf(address)}`),
      `the child must be told where to listen: TOR_PT_SERVER_BINDADDR is ${binds.join(',')}`,
    )
}

/** Holds the methods that a host offers against those of a scenario, whose child has the ports that it notes. */
export function assertMethods(
  methods: HostedProcess['methods'],
  expected: Readonly<Record<string, ExpectedMethod>>,
  { ports }: Notes,
): void {
  const portOf = (port: ExpectedMethod['port'] = 'port'): number | undefined =>
    typeof port === 'number' ? port : ports?.[port]
  const facts = [...methods].map(
    ([name, { address, clientArguments = {} }]) => [name, factsOf(address, { ...clientArguments })] as const,
  )
  const wanted = Object.entries(expected).map(
    ([name, { host = LOOPBACK, port, arguments: args = {} }]) =>
      [name, factsOf({ host, port: portOf(port)! }, args)] as const,
  )
  assert.deepEqual(
    Object.fromEntries(facts),
    Object.fromEntries(wanted),
    'the methods must be those that the child told',
  )
}

/** Sends a byte to each method, where scripted children send it back. */
export async function assertUsable(methods: HostedProcess['methods']): Promise<void> {
  for (const [name, { address }] of methods) if (address.host === LOOPBACK) await assertEcho(name, address)
}

async function assertEcho(name: string, { host, port }: TcpAddress): Promise<void> {
  const socket = connect({ host, port })
  try {
    socket.write('?')
    const [bytes] = (await once(socket, 'data')) as [Buffer]
    assert.equal(bytes.toString(), '?')
  } catch (error) {
    assert.fail(`the method ${name} must be there to use: ${error instanceof Error ? error.message : 'it is not'}`)
  } finally {
    socket.destroy()
  }
}

function factsOf({ host, port }: TcpAddress, args: object): object {
  return { host, port, arguments: { ...args } }
}

function textOf({ host, port }: TcpAddress): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`
}
