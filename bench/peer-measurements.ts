import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { nextMessage } from '../test/support/built-process.ts'
import type { ProcessOwner } from '../test/support/managed-process.ts'
import {
  type Comparison,
  type Contender,
  type ContenderName,
  startApplication,
  startContender,
  startLoad,
} from './contenders.ts'
import type { LoadTask } from './load-process.ts'
import { median } from './pair.ts'
import { cpuMs, residentMemory } from './process-usage.ts'

const GIBIBYTE = 1_073_741_824
/** Compiles what a transfer needs, and lets TCP's windows grow. */
const WARM_UP_LENGTH = 67_108_864
/** How long key pools take at most to be full again, in ms: keys count, whenever they are made. */
const REFILL_MS = 500
const IDLE_MS = 5000
const HELD_COUNTS = [2000, 5000]
const WARM_UP_COUNT = 400
/** V8 goes on to optimize what a handshake needs until about here. */
const WARM_SET_UP_COUNT = 2000

export const BULKS = [
  { name: 'down', direction: 'down', count: 1 },
  { name: 'up', direction: 'up', count: 1 },
  { name: 'down on 8', direction: 'down', count: 8 },
  { name: 'up on 8', direction: 'up', count: 8 },
] as const

/** Figures by name; one of each per round. */
type Samples = Record<string, number[]>

/** What was measured of one contender: each round's figures, by name, in the same order as the others'. */
export class Figures<Name extends string = ContenderName> {
  readonly name: Name
  readonly #samples: Samples = {}

  constructor(name: Name) {
    this.name = name
  }

  add(figures: Readonly<Record<string, number>>): void {
    for (const [name, figure] of Object.entries(figures)) (this.#samples[name] ??= []).push(figure)
  }

  /** The median of the rounds, or undefined where nothing was measured. */
  get(name: string): number | undefined {
    const samples = this.#samples[name]
    return samples && median(samples)
  }

  /** The median of the rounds' own ratios: what else the machine did in a round hit both. */
  ratioTo(other: Figures<Name>, name: string): number | undefined {
    const [ours, theirs] = [this.#samples[name], other.#samples[name]]
    return ours && theirs && median(ours.map((figure, round) => figure / theirs[round]!))
  }
}

/** A contender at work, with the application that dials through it. */
interface Lane {
  readonly contender: Contender
  readonly load: ChildProcess
  readonly figures: Figures
}

async function perform<Report>({ load }: Lane, task: LoadTask): Promise<Report> {
  const report = nextMessage<Report>(load)
  load.send(task)
  return report
}

interface Scene {
  readonly lanes: readonly Lane[]
  readonly applicationPid: number
}

/** ptkit and the peer over one transport, and what else is measured beside them. */
export interface Contest {
  readonly owner: ProcessOwner
  readonly comparison: Comparison
  readonly names: readonly ContenderName[]
}

async function startScene({ owner, comparison, names }: Contest): Promise<Scene> {
  const application = await startApplication(owner)
  const lanes: Lane[] = []
  for (const name of names) {
    const contender = await startContender(owner, name, comparison, application.port)
    lanes.push({ contender, load: startLoad(owner, contender.route), figures: new Figures(name) })
  }
  return { lanes, applicationPid: application.child.pid! }
}

/** Seconds of CPU for each GiB of `length`, of the client, the server, and both applications. */
async function cpuOf(
  { contender, load }: Lane,
  applicationPid: number,
  length: number,
  run: () => Promise<void>,
): Promise<{ readonly sides: readonly number[]; readonly load: number }> {
  const pids = [...contender.pids, load.pid!, applicationPid]
  const before = pids.map(cpuMs)
  await run()
  const used = pids.map((pid, i) => ((cpuMs(pid) - before[i]!) / 1000) * (GIBIBYTE / length))
  return { sides: used.slice(0, -2), load: used.at(-2)! + used.at(-1)! }
}

/** Measures bulk transfers of `length` bytes, in turn. Figures: `down MB/s`, `down client`, `down server`, `down load`, and so on. */
export async function measureBulk(
  contest: Contest,
  { rounds, length }: { readonly rounds: number; readonly length: number },
): Promise<readonly Figures[]> {
  const { lanes, applicationPid } = await startScene(contest)
  for (const lane of lanes) {
    for (const { direction, count } of BULKS) {
      await perform(lane, { task: 'bulk', direction, count, length: WARM_UP_LENGTH })
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const { name, direction, count } of BULKS) {
      for (const lane of lanes) {
        let ms = 0
        const cpu = await cpuOf(lane, applicationPid, length, async () => {
          ;({ ms } = await perform<{ ms: number }>(lane, { task: 'bulk', direction, count, length }))
        })
        const [client = 0, server = 0] = cpu.sides
        const figures = { 'MB/s': length / 1000 / ms, client, server, load: cpu.load }
        lane.figures.add(
          Object.fromEntries(Object.entries(figures).map(([what, figure]) => [`${name} ${what}`, figure])),
        )
      }
    }
  }
  for (const { contender, figures } of lanes) {
    const [client = 0, server = 0] = contender.pids.map((pid) => residentMemory(pid).peak)
    figures.add({ 'peak client': client, 'peak server': server })
  }
  return lanes.map(({ figures }) => figures)
}

/**
 * Measures round trips and set-ups, in turn. Figures: `p50Us` and `p99Us`; `p50Ms`, `p90Ms`, and CPU in ms of `client` and `server` per
 * set-up; `first p50Ms` of set-ups by processes that have just started.
 */
export async function measureLatency(
  contest: Contest,
  counts: { readonly rounds: number; readonly roundTrips: number; readonly setUps: number },
): Promise<readonly Figures[]> {
  const { lanes } = await startScene(contest)
  for (const lane of lanes) {
    const { p50Ms } = await perform<{ p50Ms: number }>(lane, { task: 'set-ups', count: counts.setUps })
    lane.figures.add({ 'first p50Ms': p50Ms })
    await perform(lane, { task: 'set-ups', count: WARM_SET_UP_COUNT })
  }
  for (let round = 0; round < counts.rounds; round++) {
    for (const lane of lanes) {
      lane.figures.add(await perform(lane, { task: 'round-trips', count: counts.roundTrips }))
    }
    for (const lane of lanes) {
      const { pids } = lane.contender
      const before = pids.map(cpuMs)
      const times = await perform<Record<string, number>>(lane, { task: 'set-ups', count: counts.setUps })
      await sleep(REFILL_MS)
      const [client = 0, server = 0] = pids.map((pid, i) => (cpuMs(pid) - before[i]!) / counts.setUps)
      lane.figures.add({ ...times, client, server })
    }
  }
  return lanes.map(({ figures }) => figures)
}

/** Measures what idle connections hold, in bytes. Figures: `client 2000`, `server 2000` each; the same of all at 5000; the peaks. */
export async function measureMemory(contest: Contest): Promise<readonly Figures[]> {
  const { lanes } = await startScene(contest)
  for (const lane of lanes) {
    await perform(lane, { task: 'hold', count: WARM_UP_COUNT })
    await perform(lane, { task: 'drop' })
    await sleep(REFILL_MS)
    const { pids } = lane.contender
    const before = pids.map((pid) => residentMemory(pid).now)
    let heldCount = 0
    for (const count of HELD_COUNTS) {
      await perform(lane, { task: 'hold', count: count - heldCount })
      heldCount = count
      await sleep(IDLE_MS)
      const [client, server] = pids.map((pid, i) => (residentMemory(pid).now - before[i]!) / count)
      lane.figures.add({ [`client ${count}`]: client!, [`server ${count}`]: server! })
    }
    const [client, server] = pids.map((pid) => residentMemory(pid).peak)
    lane.figures.add({ 'peak client': client!, 'peak server': server! })
    await perform(lane, { task: 'drop' })
  }
  return lanes.map(({ figures }) => figures)
}
