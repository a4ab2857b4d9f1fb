import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'
import type { HostLaunch, HostSubject, HostedProcess } from '../../src/testing/host/subject.ts'

type Methods = Map<string, { readonly address: { readonly host: string; readonly port: number } }>

function start({ command, args, role, transports, stateDir, versions, proxy, orPort }: HostLaunch, keeps = false) {
  const inherited = Object.entries(process.env).filter(([name]) => keeps || !name.startsWith('TOR_PT_'))
  const env = {
    ...Object.fromEntries(inherited),
    TOR_PT_STATE_LOCATION: stateDir,
    TOR_PT_MANAGED_TRANSPORT_VER: versions.join(','),
    TOR_PT_EXIT_ON_STDIN_CLOSE: '1',
    [`TOR_PT_${role.toUpperCase()}_TRANSPORTS`]: transports.join(','),
    ...(proxy !== undefined && { TOR_PT_PROXY: proxy }),
    ...(orPort !== undefined && { TOR_PT_ORPORT: `${orPort.host}:${orPort.port}` }),
  }
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
  const [, name, last] = /^[CS]METHOD (\S+).* (\S+)$/.exec(line) ?? []
  if (name !== undefined) methods.set(name, { address: { host: '127.0.0.1', port: Number(last!.split(':').at(-1)) } })
}

/** Believes whatever it reads, as long as it lasts; waits for ever; refuses nothing. */
export function launchTrusting(options: HostLaunch, keepsEnvironment = false): Promise<HostedProcess> {
  const child = start(options, keepsEnvironment)
  const methods: Methods = new Map()
  const hosted: HostedProcess = { methods, stop: () => stopByInput(child) }
  return new Promise((resolve) => {
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      const lines = (text + more).split('\n')
      text = lines.pop()!
      for (const line of lines) {
        addMethod(methods, line)
        if (line.endsWith('METHODS DONE')) resolve(hosted)
      }
    })
    child.stderr.resume()
    child.once('error', () => resolve({ methods, stop: () => Promise.resolve() }))
    child.once('exit', () => resolve(hosted))
  })
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

/** Hosts with the mistakes that hosts have. */
export const CARELESS_HOSTS: readonly HostSubject[] = [
  { name: 'trusts', launch: (options) => launchTrusting(options), patienceMs: 2_000 },
  { name: 'is brittle', launch: launchBrittle, patienceMs: 2_000 },
  { name: 'hands on its environment', launch: (options) => launchTrusting(options, true), patienceMs: 2_000 },
]
