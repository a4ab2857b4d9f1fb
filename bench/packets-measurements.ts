import { setTimeout as sleep } from 'node:timers/promises'
import { nextMessage } from '../test/support/built-process.ts'
import type { PacketLane } from './packets-contenders.ts'
import type { Echoes, Offered, PacketTask } from './packets-load.ts'
import { Figures } from './peer-measurements.ts'
import { cpuMs } from './process-usage.ts'

/** The share of packets that a rate may lose and still be carried. */
const MAX_LOSS = 0.001
/** The sender has offered a rate when it sent so much of it: two cores may not give it more. */
const MIN_OFFERED = 0.95
/** The rates that are offered, per second: each so many times the one before. */
const LOWEST_RATE = 2000
const RATE_STEP = 1.2
const RATE_COUNT = 28
const OFFER_MS = 300
/** A rate that is missed once may have been disturbed. */
const TRY_COUNT = 2
const FIXED_MS = 1000
const ECHO_RATE = 1000
const ECHO_COUNT = 1000
const WARM_UP_RATE = 10_000
const WARM_UP_MS = 1500
/** How long nothing more must come until what is missing counts as lost, in ms. */
const QUIET_MS = 100

let runCount = 0

/** What came of packets offered at one rate. */
interface Outcome {
  readonly perSecond: number
  readonly lossShare: number
  /** CPU per packet of each of the lane's processes, in µs. */
  readonly cpuUs: readonly number[]
}

async function perform<Report>(lane: PacketLane, task: PacketTask): Promise<Report> {
  const process = task.task === 'count' ? lane.receiver : lane.sender
  const report = nextMessage<Report>(process)
  process.send(task)
  return report
}

/** Offers packets one way, at a rate per second. */
async function offer(lane: PacketLane, perSecond: number, ms: number, length: number): Promise<Outcome> {
  const run = ++runCount
  const before = lane.pids.map(cpuMs)
  const count = Math.ceil((perSecond * ms) / 1000)
  const offered = await perform<Offered>(lane, { task: 'offer', run, perSecond, count, length })
  const arrivedCount = await countArrivals(lane, run, offered.sent)
  return {
    perSecond: offered.sent / (offered.ms / 1000),
    lossShare: 1 - arrivedCount / offered.sent,
    cpuUs: lane.pids.map((pid, index) => ((cpuMs(pid) - before[index]!) * 1000) / offered.sent),
  }
}

async function countArrivals(lane: PacketLane, run: number, sentCount: number): Promise<number> {
  for (let last = -1; ;) {
    const { count } = await perform<{ readonly count: number }>(lane, { task: 'count', run })
    if (count === sentCount || count === last) return count
    last = count
    await sleep(QUIET_MS)
  }
}

/** Looks for the highest rate that a lane carries, by halves. */
class RateSearch {
  readonly #lane: PacketLane
  readonly #length: number
  /** Steps of the ladder: the highest that was carried, and the lowest that was not. */
  #carried = -1
  #missed = RATE_COUNT

  constructor(lane: PacketLane, length: number) {
    this.#lane = lane
    this.#length = length
  }

  get isDone(): boolean {
    return this.#missed - this.#carried === 1
  }

  /** Packets per second; 0 when even the lowest rate was too much. */
  get found(): number {
    return this.#carried < 0 ? 0 : rateOf(this.#carried)
  }

  async step(): Promise<void> {
    const middle = Math.floor((this.#carried + this.#missed) / 2)
    if (await this.#carries(rateOf(middle))) this.#carried = middle
    else this.#missed = middle
  }

  async #carries(rate: number): Promise<boolean> {
    for (let attempt = 0; attempt < TRY_COUNT; attempt++) {
      const { perSecond, lossShare } = await offer(this.#lane, rate, OFFER_MS, this.#length)
      if (perSecond >= rate * MIN_OFFERED && lossShare < MAX_LOSS) return true
    }
    return false
  }
}

function rateOf(step: number): number {
  return Math.round(LOWEST_RATE * RATE_STEP ** step)
}

/** Has V8 compile what packets go through. */
export async function warmUp(lanes: readonly PacketLane[]): Promise<void> {
  for (const lane of lanes) await offer(lane, WARM_UP_RATE, WARM_UP_MS, 512)
}

/**
 * Measures packets of one length through each lane, in turn. Figures: `highest`, the highest rate per second with less than 0.1 % lost;
 * `loss %`, `client` and `server`, CPU per packet in µs, at `fixedRate`; `p50Us`, `p99Us` and `echo loss %` of round trips, 1,000 a second,
 * `added p50Us` and `added p99Us` to those of the last lane.
 */
export async function measurePackets(
  lanes: readonly PacketLane[],
  { rounds, length, fixedRate }: { readonly rounds: number; readonly length: number; readonly fixedRate: number },
): Promise<readonly Figures<string>[]> {
  const entries = lanes.map((lane) => ({ lane, figures: new Figures<string>(lane.name) }))
  for (let round = 0; round < rounds; round++) {
    const task = { task: 'echo', perSecond: ECHO_RATE, count: ECHO_COUNT, length } as const
    const echoes: Echoes[] = []
    for (const lane of lanes) echoes.push(await perform<Echoes>(lane, task))
    for (const [index, { figures }] of entries.entries()) {
      const [{ p50Us, p99Us, lost }, without] = [echoes[index]!, echoes.at(-1)!]
      const added = { 'added p50Us': p50Us - without.p50Us, 'added p99Us': p99Us - without.p99Us }
      figures.add({ p50Us, p99Us, ...added, 'echo loss %': (lost / ECHO_COUNT) * 100 })
    }
    for (const { lane, figures } of entries) {
      const { lossShare, cpuUs } = await offer(lane, fixedRate, FIXED_MS, length)
      const [client, server] = cpuUs
      figures.add({
        'loss %': lossShare * 100,
        ...(client !== undefined && { client }),
        ...(server !== undefined && { server }),
      })
    }
    const searches = entries.map(({ lane, figures }) => ({ search: new RateSearch(lane, length), figures }))
    while (searches.some(({ search }) => !search.isDone)) {
      for (const { search } of searches) if (!search.isDone) await search.step()
    }
    for (const { search, figures } of searches) figures.add({ highest: search.found })
  }
  return entries.map(({ figures }) => figures)
}
