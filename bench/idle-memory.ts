import { type Floor, printTable, runPair } from './pair.ts'
import { OBFS4 } from './transports.ts'

const CONNECTION_COUNT = 2000
const FLOOR_KIB = 24

interface Report {
  readonly bytes: number
}

/** Measures how the resident memory of each process changes with 2,000 connections that have been idle for 5 s. */
export async function benchIdleMemory(): Promise<readonly Floor[]> {
  const obfs4 = await runPair<Report>(OBFS4, 'idle', CONNECTION_COUNT)
  const net = await runPair<Report>('net', 'idle', CONNECTION_COUNT)
  const rows = Object.entries({ obfs4, net }).map(([name, { client, server }]) => [
    name,
    (client.bytes / 1024).toFixed(1),
    (server.bytes / 1024).toFixed(1),
  ])
  const title = `RSS per idle connection (${CONNECTION_COUNT}, after 5 s), KiB`
  printTable(title, [['', 'client', 'server'], ...rows])
  return (['client', 'server'] as const).map((side) => {
    const kibibytes = obfs4[side].bytes / 1024
    return {
      name: `memory of an idle connection of the ${side}: ${kibibytes.toFixed(1)} KiB, at most ${FLOOR_KIB}`,
      met: kibibytes <= FLOOR_KIB,
    }
  })
}
