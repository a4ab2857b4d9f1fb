import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import process from 'node:process'
import { setImmediate as turn } from 'node:timers/promises'
import type { TcpAddress } from '../../src/core/platform.ts'
import type { HostLaunch, HostSubject, HostedProcess } from '../../src/testing/host/subject.ts'

type Methods = Map<string, { readonly address: TcpAddress }>

/** What a host does wrong besides trusting. */
export interface Flaws {
  /** Hands on its own environment. */
  readonly keepsEnvironment?: boolean
  /** Starts its child a moment after it was asked to. */
  readonly isLate?: boolean
  /** Variables that it does not know of. */
  readonly drops?: readonly string[]
  readonly changes?: (methods: Methods) => Methods
  /** Ends its child once the methods are known. */
  readonly endsEarly?: boolean
}

const textOf = ({ host, port }: TcpAddress): string => `${isIPv6(host) ? `[${host}]` : host}:${port}`

function start(options: HostLaunch, { keepsEnvironment = false, drops = [] }: Flaws = {}) {
  const { command, args, role, transports, stateDir, versions, proxy, orPort, extendedOrPort, bind } = options
  const binds = Object.entries(bind ?? {}).map(([name, address]) => `${name}-${textOf(address)}`)
  const variables = {
    TOR_PT_STATE_LOCATION: stateDir,
    TOR_PT_MANAGED_TRANSPORT_VER: versions.join(','),
    TOR_PT_EXIT_ON_STDIN_CLOSE: '1',
    [`TOR_PT_${role.toUpperCase()}_TRANSPORTS`]: transports.join(','),
    ...(proxy !== undefined && { TOR_PT_PROXY: proxy }),
    ...(binds.length > 0 && { TOR_PT_SERVER_BINDADDR: binds.join(',') }),
    ...(orPort !== undefined && { TOR_PT_ORPORT: textOf(orPort) }),
    ...(extendedOrPort !== undefined && {
      TOR_PT_EXTENDED_SERVER_PORT: textOf(extendedOrPort.address),
      TOR_PT_AUTH_COOKIE_FILE: extendedOrPort.cookieFile,
    }),
  }
  const inherited = Object.entries(process.env).filter(([name]) => keepsEnvironment || !name.startsWith('TOR_PT_'))
  const told = Object.entries(variables).filter(([name]) => !drops.includes(name))
  const env = { ...Object.fromEntries(inherited), ...Object.fromEntries(told) }
  const child = spawn(command, [...args], { env, stdio: 'pipe' })
  child.stdin.on('error', () => {})
  return child
}

/** Closes the input and waits for the end, however long that takes. */
async function stopByInput(child: ChildProcess): Promise<void> {
  child.stdin!.end()
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
}

function addMethod(methods: Methods, line: string): void {
  const { name, host, port } =
    /^[CS]METHOD (?<name>\S+) (?:socks5 )?\[?(?<host>[^\s\]]+)\]?:(?<port>\d+)/.exec(line)?.groups ?? {}
  if (name !== undefined) methods.set(name, { address: { host: host!, port: Number(port) } })
}

/** Believes whatever it reads, as long as it lasts; waits for ever; refuses nothing. */
export async function launchTrusting(options: HostLaunch, flaws: Flaws = {}): Promise<HostedProcess> {
  if (flaws.isLate === true) await turn()
  const child = start(options, flaws)
  const methods: Methods = new Map()
  await new Promise<void>((resolve) => {
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      const lines = (text + more).split('\n')
      text = lines.pop()!
      for (const line of lines) {
        addMethod(methods, line)
        if (line.endsWith('METHODS DONE')) resolve()
      }
    })
    child.stderr.resume()
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  })
  if (flaws.endsEarly === true) await stopByInput(child)
  return { methods: flaws.changes?.(methods) ?? methods, stop: () => stopByInput(child) }
}

/** Takes every read for whole lines and refuses what it does not know; lets its child live then. */
function launchBrittle(options: HostLaunch): Promise<HostedProcess> {
  const child = start(options)
  const methods: Methods = new Map()
  return new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n').slice(0, -1)) {
        if (!/^(?:VERSION 1|CMETHOD alpha socks5 127\.0\.0\.1:\d+|CMETHODS DONE)$/.test(line))
          reject(new Error(`what is ${line.slice(0, 40)}?`))
        addMethod(methods, line)
        if (line === 'CMETHODS DONE') resolve({ methods, stop: () => stopByInput(child) })
      }
    })
    child.stderr.on('data', () => reject(new Error('it complains')))
    child.once('error', reject)
    child.once('exit', () => reject(new Error('it ended')))
  })
}

const PATIENCE_MS = 2_000

const flawed = (flaws: Flaws): HostSubject => ({
  launch: (options) => launchTrusting(options, flaws),
  patienceMs: PATIENCE_MS,
})

const changedAddresses =
  (change: (address: TcpAddress) => TcpAddress) =>
  (methods: Methods): Methods =>
    new Map([...methods].map(([name, { address }]) => [name, { address: change(address) }]))

/** Hosts with the mistakes that hosts have, by what they do. */
export const CARELESS_HOSTS = {
  trusts: flawed({}),
  'is brittle': { launch: launchBrittle, patienceMs: PATIENCE_MS },
  'hands on its environment': flawed({ keepsEnvironment: true }),
  'hands on its environment a moment later': flawed({ keepsEnvironment: true, isLate: true }),
  'drops the proxy': flawed({ drops: ['TOR_PT_PROXY'] }),
  'drops the ORPort': flawed({ drops: ['TOR_PT_ORPORT'] }),
  'drops the Extended ORPort': flawed({ drops: ['TOR_PT_EXTENDED_SERVER_PORT'] }),
  'drops the cookie file': flawed({ drops: ['TOR_PT_AUTH_COOKIE_FILE'] }),
  'drops the addresses to listen on': flawed({ drops: ['TOR_PT_SERVER_BINDADDR'] }),
  'tells other ports': flawed({ changes: changedAddresses(({ host, port }) => ({ host, port: port ^ 1 })) }),
  'tells other hosts': flawed({ changes: changedAddresses(({ port }) => ({ host: '127.0.0.1', port })) }),
  'mistakes one method for another': flawed({
    changes: (methods) =>
      new Map([...methods.keys()].map((name, index) => [name, [...methods.values()].at(-1 - index)!])),
  }),
  'ends its child too early': flawed({ endsEarly: true }),
} as const satisfies Readonly<Record<string, HostSubject>>
