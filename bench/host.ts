import process from 'node:process'
import { nextMessage, startBuiltProcess } from '../test/support/built-process.ts'
import { hasCommand } from '../test/support/commands.ts'
import { ptkitPath } from '../test/support/ptkit.ts'
import { type Floor, printTable } from './pair.ts'

const MODULE = new URL('host-process.ts', import.meta.url)
const LAUNCH_COUNT = 15
const CONNECTION_COUNT = 200

const ptkit = { place: 'process', command: process.execPath, args: [ptkitPath] } as const
const obfs4proxy = { place: 'process', command: 'obfs4proxy', args: [] } as const
const isPeerThere = hasCommand('obfs4proxy')

/** Measures what a host adds: from the launch to the methods, and a connection through its adapter against the API in the same process. */
export async function benchHost(): Promise<readonly Floor[]> {
  const launches = [
    ['ptkit', ptkit],
    ...(isPeerThere ? [['obfs4proxy', obfs4proxy] as const] : []),
    ['thread', { place: 'thread' }],
    ['in-process', { place: 'in-process' }],
  ] as const
  const rows: string[][] = []
  for (const [name, subject] of launches) {
    const { p50Ms, mostMs } = await measure<{ readonly p50Ms: number; readonly mostMs: number }>({
      task: 'launches',
      amount: LAUNCH_COUNT,
      ...subject,
    })
    rows.push([name, p50Ms.toFixed(1), mostMs.toFixed(1)])
  }
  printTable(`From launch to the methods (${LAUNCH_COUNT} launches)`, [['', 'median ms', 'most ms'], ...rows])
  await benchConnections()
  return []
}

async function benchConnections(): Promise<void> {
  const server = startBuiltProcess(MODULE, { task: 'serve' })
  try {
    const address = await nextMessage<object>(server)
    const subjects = [
      ['API, in this process', { place: 'api' }],
      ['adapter over ptkit', ptkit],
      ...(isPeerThere ? [['adapter over obfs4proxy', obfs4proxy] as const] : []),
      ['adapter over a thread', { place: 'thread' }],
    ] as const
    const rows: string[][] = []
    for (const [name, subject] of subjects) {
      const task = { task: 'connections', amount: CONNECTION_COUNT, server: address, ...subject }
      const { connectMs, roundTripUs, mbPerSecond } = await measure<Readonly<Record<string, number>>>(task)
      rows.push([name, connectMs!.toFixed(2), roundTripUs!.toFixed(0), mbPerSecond!.toFixed(0)])
    }
    const title = `A connection of a client to an obfs4 server in a process of its own (${CONNECTION_COUNT})`
    printTable(title, [['', 'connect ms', 'round trip µs', 'MB/s up'], ...rows])
  } finally {
    server.kill()
  }
}

async function measure<Report>(parameters: object): Promise<Report> {
  const child = startBuiltProcess(MODULE, parameters)
  try {
    return await nextMessage<Report>(child)
  } finally {
    child.kill()
  }
}
