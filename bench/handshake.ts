import { type Floor, printTable, runPair } from './pair.ts'
import { OBFS4 } from './transports.ts'

const HANDSHAKE_COUNT = 2000
const FLOOR_CPU_MS = 1.5

interface Report {
  readonly ms: number
  readonly cpuMs: number
}

/** Measures handshakes: connect, 'connect', end, 'close', 16 at a time. CPU counts key generation, until the pools are full again. */
export async function benchHandshake(): Promise<readonly Floor[]> {
  const obfs4 = await runPair<Report>(OBFS4, 'handshakes', HANDSHAKE_COUNT)
  const net = await runPair<Report>('net', 'handshakes', HANDSHAKE_COUNT)
  const rows = Object.entries({ obfs4, net }).map(([name, { client, server }]) => [
    name,
    (HANDSHAKE_COUNT / (client.ms / 1000)).toFixed(0),
    (client.cpuMs / HANDSHAKE_COUNT).toFixed(2),
    (server.cpuMs / HANDSHAKE_COUNT).toFixed(2),
  ])
  const title = `Connections opened and closed (${HANDSHAKE_COUNT}), client and server in processes of their own`
  printTable(title, [['', 'per second', 'client CPU ms', 'server CPU ms'], ...rows])
  return (['client', 'server'] as const).map((side) => {
    const cpuMs = obfs4[side].cpuMs / HANDSHAKE_COUNT
    return {
      name: `handshake CPU of the ${side}, key generation included: ${cpuMs.toFixed(2)} ms, at most ${FLOOR_CPU_MS}`,
      met: cpuMs <= FLOOR_CPU_MS,
    }
  })
}
