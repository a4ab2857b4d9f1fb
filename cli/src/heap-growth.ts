import { type PerformanceEntry, PerformanceObserver, constants } from 'node:perf_hooks'
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8'

/** How much may be allocated, buffers of relayed bytes above all, between two collections of the whole heap. */
const HEADROOM_LENGTH = 32 * 1_048_576
/** A heap that the headroom does not even double is large enough for V8's own measure. */
const MIN_PERCENT = 100
const V8_DECIDES = 0
/** How large the young generation may become, both halves together: V8 gives none of it back. */
const MAX_YOUNG_LENGTH = 16 * 1_048_576
const DOUBLES = 2
const STAYS = 1

interface Collection extends PerformanceEntry {
  readonly detail?: { readonly kind?: number }
}

/** By how many percent of its live bytes a heap may grow before V8 collects it whole; 0 leaves that to V8. */
export function heapGrowingPercent(liveLength: number): number {
  const percent = Math.floor((HEADROOM_LENGTH / liveLength) * 100)
  return percent > MIN_PERCENT ? percent : V8_DECIDES
}

/** By what factor a young generation, of `youngLength` bytes with both halves, may grow when much of it survives. */
export function youngGrowthFactor(youngLength: number): number {
  return youngLength * DOUBLES > MAX_YOUNG_LENGTH ? STAYS : DOUBLES
}

/**
 * Lets a small heap grow by 32 MiB between full collections. V8 counts buffers as growth, and a relay's heap is small and its buffers
 * short-lived: by V8's own measure it marks 10 MB of live objects for every 14 MB relayed, a quarter of all CPU. The young generation ends at
 * 16 MiB instead of 32: whoever opens 2,000 connections would hold 8 KiB more for each, for nothing.
 */
export function letHeapGrow(): void {
  const adjust = (): void => {
    setFlagsFromString(`--heap-growing-percent=${heapGrowingPercent(getHeapStatistics().used_heap_size)}`)
  }
  let factor = DOUBLES
  const adjustYoung = (): void => {
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
    const next = youngGrowthFactor(young?.space_size ?? 0)
    if (next !== factor) setFlagsFromString(`--semi-space-growth-factor=${next}`)
    factor = next
  }
  adjust()
  const observer = new PerformanceObserver((list) => {
    const collections = list.getEntries() as readonly Collection[]
    const isMajor = collections.some(({ detail }) => detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR)
    if (isMajor) adjust()
    adjustYoung()
  })
  observer.observe({ entryTypes: ['gc'] })
}
