import type { ProcessOwner } from '../test/support/managed-process.ts'
import { withOwner } from './owner.ts'
import { type Floor, printTable } from './pair.ts'
import { type PacketLane, startEnds, startPaths } from './packets-contenders.ts'
import { measurePackets, warmUp } from './packets-measurements.ts'
import type { Figures } from './peer-measurements.ts'

const LENGTHS = [64, 512, 1400]
const ROUND_COUNT = 3
/** Packets per second at which loss and CPU are read. */
const FIXED_RATE = 20_000

const LINES: readonly (readonly [label: string, name: string])[] = [
  ['highest rate with < 0.1 % lost, 1/s', 'highest'],
  [`lost at ${FIXED_RATE.toLocaleString('en')}/s, %`, 'loss %'],
  ['client CPU per packet, µs', 'client'],
  ['server CPU per packet, µs', 'server'],
  ['echo p50 at 1,000/s, µs', 'p50Us'],
  ['echo p99, µs', 'p99Us'],
  ['added to the last, p50, µs', 'added p50Us'],
  ['added to the last, p99, µs', 'added p99Us'],
  ['echoes lost, %', 'echo loss %'],
]

/** Measures packets through ptkit, and through the API, beside the same path without the transport, in turn; prints tables. */
export async function benchPackets(): Promise<readonly Floor[]> {
  await withOwner((owner) => benchLanes(owner, 'application, ptkit, ptkit, application', startPaths))
  await withOwner((owner) => benchLanes(owner, 'connectPackets() and listen({ packets })', startEnds))
  return []
}

async function benchLanes(
  owner: ProcessOwner,
  what: string,
  start: (owner: ProcessOwner) => Promise<readonly PacketLane[]>,
): Promise<void> {
  const lanes = await start(owner)
  await warmUp(lanes)
  for (const length of LENGTHS) {
    const all = await measurePackets(lanes, { rounds: ROUND_COUNT, length, fixedRate: FIXED_RATE })
    printFigures(`Packets of ${length} bytes: ${what} (medians of ${ROUND_COUNT})`, all)
  }
}

/** A line per figure, a column per lane, and the first lane's ratio to each of the others. */
function printFigures(title: string, all: readonly Figures<string>[]): void {
  const [ours, ...others] = all
  const rows = LINES.map(([label, name]) => {
    const cells = all.map((figures) => format(figures.get(name)))
    cells.push(...others.map((other) => format(ours!.ratioTo(other, name))))
    cells.unshift(label)
    return cells
  })
  printTable(title, [['', ...all.map(({ name }) => name), ...others.map(({ name }) => `/ ${name}`)], ...rows])
}

function format(figure: number | undefined): string {
  if (figure === undefined || !Number.isFinite(figure)) return '-'
  if (Number.isInteger(figure)) return figure.toLocaleString('en')
  const size = Math.abs(figure)
  return figure.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0)
}
