import { cpus } from 'node:os'
import process from 'node:process'
import { parseArgs } from 'node:util'
import type { ProcessOwner } from '../test/support/managed-process.ts'
import { skipWithoutObfs4proxy } from '../test/support/obfs4proxy.ts'
import { withOwner } from './owner.ts'
import { type Floor, printTable } from './pair.ts'
import { BULKS, Figures, measureBulk, measureLatency, measureMemory } from './peer-measurements.ts'

const MEBIBYTE = 1_048_576
const KIBIBYTE = 1024
const MIN_BULK_RATIO = 1.5
const MAX_CPU_RATIO = 0.75
const MAX_SET_UP_RATIO = 1
const MAX_MEMORY_RATIO = 0.35
/** How much more a connection may hold at 5,000 than at 2,000 and still be called flat. */
const FLATNESS = 1.1

const SIDES = ['client', 'server'] as const

function format(figure: number | undefined): string {
  if (figure === undefined || figure === 0) return '-'
  return figure.toFixed(figure < 10 ? 2 : figure < 100 ? 1 : 0)
}

function find(all: readonly Figures[], name: string): Figures {
  return all.find((figures) => figures.name === name) ?? new Figures('direct')
}

function floorsOf(
  all: readonly Figures[],
  { what, figures, limit, atLeast }: { what: string; figures: readonly string[]; limit: number; atLeast: boolean },
): Floor[] {
  return figures.map((name) => {
    const ratio = find(all, 'ptkit').ratioTo(find(all, 'obfs4proxy'), name) ?? Number.NaN
    const met = atLeast ? ratio >= limit : ratio <= limit
    return {
      name: `${what}, ${name}: ${ratio.toFixed(2)} × obfs4proxy, at ${atLeast ? 'least' : 'most'} ${limit}`,
      met,
    }
  })
}

/** A line per figure, a column per contender, and ptkit's ratio to obfs4proxy. */
function printFigures(
  title: string,
  all: readonly Figures[],
  lines: readonly (readonly [label: string, name: string, unit?: number])[],
): void {
  const rows = lines.map(([label, name, unit = 1]) => {
    const cells = all.map((figures) => format((figures.get(name) ?? 0) / unit))
    return [label, ...cells, format(find(all, 'ptkit').ratioTo(find(all, 'obfs4proxy'), name))]
  })
  printTable(title, [['', ...all.map(({ name }) => name), 'ptkit / obfs4proxy'], ...rows])
}

async function bulk(owner: ProcessOwner, rounds: number, length: number): Promise<readonly Floor[]> {
  const all = await measureBulk(owner, ['obfs4proxy', 'ptkit', 'bare relay', 'direct'], { rounds, length })
  printFigures(
    `Bulk, ${length / MEBIBYTE} MiB (medians of ${rounds}); CPU in seconds per GiB, load: both applications together`,
    all,
    BULKS.flatMap(({ name }) => [
      [`${name}, MB/s`, `${name} MB/s`] as const,
      [`${name}, client CPU`, `${name} client`] as const,
      [`${name}, server CPU`, `${name} server`] as const,
      [`${name}, load CPU`, `${name} load`] as const,
    ]),
  )
  printFigures(
    'Peak RSS after these, MiB',
    all,
    SIDES.map((side) => [side, `peak ${side}`, MEBIBYTE] as const),
  )
  const names = BULKS.map(({ name }) => name)
  const cpuNames = names.flatMap((name) => SIDES.map((side) => `${name} ${side}`))
  return [
    ...floorsOf(all, {
      what: 'bulk',
      figures: names.map((name) => `${name} MB/s`),
      limit: MIN_BULK_RATIO,
      atLeast: true,
    }),
    ...floorsOf(all, { what: 'CPU per GiB', figures: cpuNames, limit: MAX_CPU_RATIO, atLeast: false }),
  ]
}

async function latency(owner: ProcessOwner, rounds: number): Promise<readonly Floor[]> {
  const counts = { rounds, roundTrips: 2000, setUps: 300 }
  const all = await measureLatency(owner, ['obfs4proxy', 'ptkit', 'bare relay', 'direct'], counts)
  printFigures(`Round trip of 64 bytes (medians of ${rounds})`, all, [
    ['p50, µs', 'p50Us'],
    ['p99, µs', 'p99Us'],
  ])
  printFigures(`Connection set-up, one after the other (medians of ${rounds})`, all, [
    ['p50 of the first 300, ms', 'first p50Ms'],
    ['p50, ms', 'p50Ms'],
    ['p90, ms', 'p90Ms'],
    ['client CPU, ms', 'client'],
    ['server CPU, ms', 'server'],
  ])
  return floorsOf(all, { what: 'set-up', figures: ['p50Ms'], limit: MAX_SET_UP_RATIO, atLeast: false })
}

async function memory(owner: ProcessOwner): Promise<readonly Floor[]> {
  const all = await measureMemory(owner, ['obfs4proxy', 'ptkit', 'bare relay'])
  printFigures(
    'RSS per idle connection, KiB, after 5 s; peak in MiB',
    all,
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
  return [...floorsOf(all, { what: 'idle memory', figures, limit: MAX_MEMORY_RATIO, atLeast: false }), ...flat]
}

/** Measures ptkit beside obfs4proxy, both as whole processes in one run; `names` selects among bulk, latency and memory. */
async function run(names: readonly string[], rounds: number, length: number): Promise<void> {
  if (skipWithoutObfs4proxy !== false) {
    console.error(skipWithoutObfs4proxy)
    process.exitCode = 69
    return
  }
  const processors = cpus()
  console.log(
    `Node ${process.version} on ${process.platform} ${process.arch}, ${processors.length} × ${processors[0]?.model}`,
  )
  const floors: Floor[] = []
  if (names.includes('bulk')) floors.push(...(await withOwner((owner) => bulk(owner, rounds, length))))
  if (names.includes('latency')) floors.push(...(await withOwner((owner) => latency(owner, rounds))))
  if (names.includes('memory')) floors.push(...(await withOwner(memory)))
  console.log('\nFloors')
  for (const { name, met } of floors) console.log(`  ${met ? 'met   ' : 'MISSED'}  ${name}`)
  if (floors.some(({ met }) => !met)) process.exitCode = 1
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '5' }, mib: { type: 'string', default: '128' } },
})
await run(
  positionals.length > 0 ? positionals : ['bulk', 'latency', 'memory'],
  Number(values.rounds),
  Number(values.mib) * MEBIBYTE,
)
