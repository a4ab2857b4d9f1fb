import { type Floor, formatFigure, median, printTable, runPair } from './pair.ts'
import { TRANSPORTS } from './transports.ts'

const BULK_LENGTH = 128 * 1_048_576
const GIBIBYTES = BULK_LENGTH / 1_073_741_824
const SET_UP_COUNT = 1000
const RUN_COUNT = 3

interface Report {
  readonly ms: number
  readonly cpuMs: number
}

const COLUMNS = [
  'MB/s',
  'by obfs4',
  'client s/GiB',
  'server s/GiB',
  'set-ups/s',
  'by obfs4',
  'client ms',
  'server ms',
] as const

/** Measures bulk, set-up and CPU of every transport in turn with obfs4, client and server in processes of their own; prints a table. */
export async function benchBesideObfs4(): Promise<readonly Floor[]> {
  const rounds = new Map<string, number[][]>(TRANSPORTS.map(({ name }) => [name, []]))
  for (let count = 0; count < RUN_COUNT; count++) {
    let base: readonly number[] | undefined
    for (const transport of TRANSPORTS) {
      const bulk = await runPair<Report>(transport, 'one-way', BULK_LENGTH)
      const setUps = await runPair<Report>(transport, 'handshakes', SET_UP_COUNT)
      const rates = [BULK_LENGTH / 1000 / bulk.server.ms, SET_UP_COUNT / (setUps.client.ms / 1000)] as const
      base ??= rates
      rounds
        .get(transport.name)!
        .push([
          rates[0],
          rates[0] / base[0]!,
          bulk.client.cpuMs / 1000 / GIBIBYTES,
          bulk.server.cpuMs / 1000 / GIBIBYTES,
          rates[1],
          rates[1] / base[1]!,
          setUps.client.cpuMs / SET_UP_COUNT,
          setUps.server.cpuMs / SET_UP_COUNT,
        ])
    }
  }
  const rows = [...rounds].map(([name, figures]) => {
    const cells = COLUMNS.map((_, column) => formatFigure(median(figures.map((row) => row[column]!))))
    cells.unshift(name)
    return cells
  })
  const title = `Transports: 128 MiB one way, and ${SET_UP_COUNT} connections opened and closed (medians of ${RUN_COUNT})`
  printTable(title, [['', ...COLUMNS], ...rows])
  return []
}
