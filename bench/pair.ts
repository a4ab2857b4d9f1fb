import { nextMessage, startBuiltProcess } from '../test/support/built-process.ts'
import type { BenchedTransport } from './transports.ts'

/** What a pair of processes carries a measurement over. */
export type Carrier = BenchedTransport | 'net'

const PEER = new URL('peer.ts', import.meta.url)

/** Runs one task of peer.ts in a client and a server process and returns their reports. */
export async function runPair<Report>(carrier: Carrier, task: string, amount: number): Promise<Sides<Report>> {
  const nodeArguments = process.env.BENCH_NODE_ARGUMENTS?.split(' ') ?? []
  const server = startBuiltProcess(PEER, { carrier, task, amount }, nodeArguments)
  try {
    const address = await nextMessage<object>(server)
    const client = startBuiltProcess(PEER, { carrier, task, amount, server: address }, nodeArguments)
    try {
      const [ofServer, ofClient] = await Promise.all([nextMessage<Report>(server), nextMessage<Report>(client)])
      return { client: ofClient, server: ofServer }
    } finally {
      client.kill()
    }
  } finally {
    server.kill()
  }
}

export interface Sides<Report> {
  readonly client: Report
  readonly server: Report
}

/** One figure that must not be missed. */
export interface Floor {
  readonly name: string
  readonly met: boolean
}

/** The middle one of an odd number of figures. */
export function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)]!
}

/** A figure with three digits or so. */
export function formatFigure(figure: number): string {
  return figure.toFixed(figure < 10 ? 2 : figure < 100 ? 1 : 0)
}

/** Prints rows of cells in columns, the first to the left and the others to the right. */
export function printTable(title: string, rows: readonly (readonly string[])[]): void {
  console.log(`\n${title}`)
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  for (const row of rows) {
    const cells = row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
    console.log(`  ${cells.join('  ')}`)
  }
}
