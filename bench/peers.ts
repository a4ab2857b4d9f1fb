import { cpus } from 'node:os'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { withOwner } from './owner.ts'
import { COMPARISONS, type PeerComparison } from './comparisons.ts'
import { type Floor, formatFigure, printTable } from './pair.ts'
import { BULKS, type Contest, Figures, measureBulk, measureLatency, measureMemory } from './peer-measurements.ts'

const MEBIBYTE = 1_048_576
const KIBIBYTE = 1024
/** How much more a connection may hold at 5,000 than at 2,000 and still be called flat. */
const FLATNESS = 1.1

const SIDES = ['client', 'server'] as const

type PeerContest = Contest & { readonly comparison: PeerComparison }

function format(figure: number | undefined): string {
  return figure === undefined || figure === 0 ? '-' : formatFigure(figure)
}

function find(all: readonly Figures[], name: string): Figures {
  return all.find((figures) => figures.name === name) ?? new Figures('direct')
}

function floorsOf(
  all: readonly Figures[],
  peer: string,
  limits: {
    readonly what: string
    readonly figures: readonly string[]
    readonly limit: number | undefined
    readonly atLeast: boolean
  },
): Floor[] {
  const { what, figures, limit, atLeast } = limits
  if (limit === undefined) return []
  return figures.map((name) => {
    const ratio = find(all, 'ptkit').ratioTo(find(all, peer), name) ?? Number.NaN
    const met = atLeast ? ratio >= limit : ratio <= limit
    return { name: `${what}, ${name}: ${ratio.toFixed(2)} × ${peer}, at ${atLeast ? 'least' : 'most'} ${limit}`, met }
  })
}

/** A line per figure, a column per contender, and ptkit's ratio to the peer. */
function printFigures(
  title: string,
  { all, peer }: { readonly all: readonly Figures[]; readonly peer: string },
  lines: readonly (readonly [label: string, name: string, unit?: number])[],
): void {
  const rows = lines.map(([label, name, unit = 1]) => {
    const cells = all.map((figures) => format((figures.get(name) ?? 0) / unit))
    return [label, ...cells, format(find(all, 'ptkit').ratioTo(find(all, peer), name))]
  })
  printTable(title, [['', ...all.map(({ name }) => name), `ptkit / ${peer}`], ...rows])
}

async function bulk(contest: PeerContest, rounds: number, length: number): Promise<readonly Floor[]> {
  const { peer, limits } = contest.comparison
  const all = await measureBulk(contest, { rounds, length })
  printFigures(
    `Bulk, ${length / MEBIBYTE} MiB (medians of ${rounds}); CPU in seconds per GiB, load: both applications together`,
    { all, peer },
    BULKS.flatMap(({ name }) => [
      [`${name}, MB/s`, `${name} MB/s`] as const,
      [`${name}, client CPU`, `${name} client`] as const,
      [`${name}, server CPU`, `${name} server`] as const,
      [`${name}, load CPU`, `${name} load`] as const,
    ]),
  )
  printFigures(
    'Peak RSS after these, MiB',
    { all, peer },
    SIDES.map((side) => [side, `peak ${side}`, MEBIBYTE] as const),
  )
  const names = BULKS.map(({ name }) => name)
  const figures = names.map((name) => `${name} MB/s`)
  const cpuFigures = names.flatMap((name) => SIDES.map((side) => `${name} ${side}`))
  return [
    ...floorsOf(all, peer, { what: 'bulk', figures, limit: limits.minBulk, atLeast: true }),
    ...floorsOf(all, peer, { what: 'CPU per GiB', figures: cpuFigures, limit: limits.maxCpu, atLeast: false }),
  ]
}

async function latency(contest: PeerContest, rounds: number): Promise<readonly Floor[]> {
  const { peer, limits } = contest.comparison
  const all = await measureLatency(contest, { rounds, roundTrips: 2000, setUps: 300 })
  printFigures(`Round trip of 64 bytes (medians of ${rounds})`, { all, peer }, [
    ['p50, µs', 'p50Us'],
    ['p99, µs', 'p99Us'],
  ])
  printFigures(`Connection set-up, one after the other (medians of ${rounds})`, { all, peer }, [
    ['p50 of the first 300, ms', 'first p50Ms'],
    ['p50, ms', 'p50Ms'],
    ['p90, ms', 'p90Ms'],
    ['client CPU, ms', 'client'],
    ['server CPU, ms', 'server'],
  ])
  return floorsOf(all, peer, { what: 'set-up', figures: ['p50Ms'], limit: limits.maxSetUp, atLeast: false })
}

async function memory(contest: PeerContest): Promise<readonly Floor[]> {
  const { peer, limits } = contest.comparison
  const all = await measureMemory({ ...contest, names: contest.names.filter((name) => name !== 'direct') })
  printFigures(
    'RSS per idle connection, KiB, after 5 s; peak in MiB',
    { all, peer },
    SIDES.flatMap((side) => [
      [`${side}, 2,000`, `${side} 2000`, KIBIBYTE] as const,
      [`${side}, 5,000`, `${side} 5000`, KIBIBYTE] as const,
      [`${side}, peak`, `peak ${side}`, MEBIBYTE] as const,
    ]),
  )
  const ptkit = find(all, 'ptkit')
  const flat = SIDES.map((side): Floor => {
    const ratio = (ptkit.get(`${side} 5000`) ?? Number.NaN) / (ptkit.get(`${side} 2000`) ?? Number.NaN)
    return { name: `idle memory of the ${side} at 5,000: ${ratio.toFixed(2)} × that at 2,000`, met: ratio <= FLATNESS }
  })
  const figures = SIDES.map((side) => `${side} 2000`)
  return [...floorsOf(all, peer, { what: 'idle memory', figures, limit: limits.maxMemory, atLeast: false }), ...flat]
}

/** Measures ptkit beside the peer of one transport, both as whole processes in one run; `names` selects among bulk, latency and memory. */
async function run(transport: string, names: readonly string[], amounts: { rounds: number; length: number }) {
  const comparison = COMPARISONS.find((each) => each.transport.name === transport)
  if (comparison === undefined || comparison.skip !== false) {
    const known = COMPARISONS.map((each) => each.transport.name).join(', ')
    console.error(comparison?.skip ?? `There is no peer of "${transport}"; there are of ${known}`)
    process.exitCode = comparison === undefined ? 64 : 69
    return
  }
  const processors = cpus()
  console.log(
    `Node ${process.version} on ${process.platform} ${process.arch}, ${processors.length} × ${processors[0]?.model}`,
  )
  const floors: Floor[] = []
  const measure = async (name: string, one: (contest: PeerContest) => Promise<readonly Floor[]>): Promise<void> => {
    if (!names.includes(name)) return
    const contenders = [comparison.peer, 'ptkit', 'bare relay', 'direct'] as const
    floors.push(...(await withOwner((owner) => one({ owner, comparison, names: contenders }))))
  }
  await measure('bulk', (contest) => bulk(contest, amounts.rounds, amounts.length))
  await measure('latency', (contest) => latency(contest, amounts.rounds))
  await measure('memory', memory)
  console.log('\nFloors')
  for (const { name, met } of floors) console.log(`  ${met ? 'met   ' : 'MISSED'}  ${name}`)
  if (floors.some(({ met }) => !met)) process.exitCode = 1
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    transport: { type: 'string', default: 'obfs4' },
    rounds: { type: 'string', default: '5' },
    mib: { type: 'string', default: '128' },
  },
})
await run(values.transport, positionals.length > 0 ? positionals : ['bulk', 'latency', 'memory'], {
  rounds: Number(values.rounds),
  length: Number(values.mib) * MEBIBYTE,
})
