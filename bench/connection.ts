import { type Carrier, type Floor, median, printTable, runPair } from './pair.ts'
import { OBFS4 } from './transports.ts'

const BULK_LENGTH = 256 * 1_048_576
const ROUND_TRIP_COUNT = 3000
const RUN_COUNT = 3
const CARRIERS: readonly Carrier[] = [OBFS4, 'net']

interface Bulk {
  readonly ms: number
  readonly cpuMs: number
}

interface RoundTrips {
  readonly p50Us: number
  readonly p99Us: number
}

/** Measures a Connection pair over loopback beside a bare net.Socket pair, alternating; prints tables. */
export async function benchConnection(): Promise<readonly Floor[]> {
  for (const task of ['one-way', 'both-ways'] as const) {
    const rows = await alternate((carrier) => bulk(carrier, task))
    const title = `Connection, 256 MiB ${task}, client and server in processes of their own (medians of ${RUN_COUNT})`
    printTable(title, [['', 'MB/s each way', 'client CPU s/GiB', 'server CPU s/GiB'], ...rows])
  }
  const rows = await alternate(roundTrips)
  printTable('Connection, round trip of 64 bytes', [['', 'p50 µs', 'p99 µs'], ...rows])
  return []
}

async function bulk(carrier: Carrier, task: string): Promise<number[]> {
  const { client, server } = await runPair<Bulk>(carrier, task, BULK_LENGTH)
  const gibibytes = BULK_LENGTH / 1_073_741_824
  const rate = BULK_LENGTH / 1000 / server.ms
  return [rate, client.cpuMs / 1000 / gibibytes, server.cpuMs / 1000 / gibibytes]
}

async function roundTrips(carrier: Carrier): Promise<number[]> {
  const { client } = await runPair<RoundTrips>(carrier, 'round-trip', ROUND_TRIP_COUNT)
  return [client.p50Us, client.p99Us]
}

/** Runs both carriers in turn, so that what else runs on the machine hits them alike; returns a row of medians each. */
async function alternate(run: (carrier: Carrier) => Promise<number[]>): Promise<string[][]> {
  const figures = new Map<Carrier, number[][]>(CARRIERS.map((carrier) => [carrier, []]))
  for (let count = 0; count < RUN_COUNT; count++) {
    for (const carrier of CARRIERS) figures.get(carrier)!.push(await run(carrier))
  }
  return CARRIERS.map((carrier) => {
    const rows = figures.get(carrier)!
    const medians = rows[0]!.map((_, column) => median(rows.map((row) => row[column]!)))
    const cells: string[] = medians.map((figure) => figure.toFixed(figure < 10 ? 2 : 0))
    cells.unshift(carrier === 'net' ? carrier : carrier.name)
    return cells
  })
}
