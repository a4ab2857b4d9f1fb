import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'

/** Time of a property in ms; FUZZ_MS overrides it. */
const BUDGET_MS = Number(process.env['FUZZ_MS'] ?? 10_000)
/** The seed of all properties of a run; FUZZ_SEED repeats one. */
const SEED = Number(process.env['FUZZ_SEED'] ?? randomInt(2 ** 31))
/** An example that has not ended by then hangs. */
const HANG_MS = 20_000
const MOST_GROWTH_LENGTH = 48 * 1024 * 1024

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Memory in use, buffers included, once what nobody holds has gone. */
function memoryInUse(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/**
 * Tests a property with random examples for its time: `share` of the budget. The title says the seed; a failure prints the smallest
 * example that fast-check could find. Memory must not grow with the number of examples.
 */
export function fuzz<Example>(
  title: string,
  arbitrary: fc.Arbitrary<Example>,
  predicate: (example: Example) => void | Promise<void>,
  { share = 1 }: { readonly share?: number } = {},
): void {
  test(`${title} (FUZZ_SEED=${SEED})`, async (context) => {
    const before = memoryInUse()
    let count = 0
    const counted = async (example: Example): Promise<void> => {
      count += 1
      await predicate(example)
    }
    await fc.assert(fc.asyncProperty(arbitrary, counted), {
      seed: SEED,
      numRuns: Number.MAX_SAFE_INTEGER,
      timeout: HANG_MS,
      interruptAfterTimeLimit: BUDGET_MS * share,
      markInterruptAsFailure: false,
    })
    const growth = memoryInUse() - before
    context.diagnostic(`${count} examples, memory grew by ${Math.round(growth / 1024)} KiB`)
    assert.ok(count > 0)
    assert.ok(growth < MOST_GROWTH_LENGTH, `${count} examples left ${growth} bytes behind`)
  })
}

/** Bytes of 0 to `maxLength`. */
export function bytes(maxLength: number): fc.Arbitrary<Buffer> {
  return fc.uint8Array({ maxLength }).map((array) => Buffer.from(array))
}

/** What is done to a good message before it is received. */
export interface Mutation {
  readonly flips: readonly { readonly at: number; readonly mask: number }[]
  readonly cut: number | undefined
  readonly tail: Buffer
}

/** Mutations, half of them none. */
export const mutations: fc.Arbitrary<Mutation> = fc.oneof(
  fc.constant({ flips: [], cut: undefined, tail: Buffer.alloc(0) }),
  fc.record({
    flips: fc.array(fc.record({ at: fc.nat(20_000), mask: fc.integer({ min: 1, max: 255 }) }), { maxLength: 3 }),
    cut: fc.option(fc.nat(20_000), { nil: undefined }),
    tail: bytes(100),
  }),
)

/** Applies a mutation to a copy; places past the end count from the beginning again. */
export function mutate(message: Uint8Array, { flips, cut, tail }: Mutation): Buffer {
  const copy = Buffer.from(message)
  if (copy.length > 0) for (const { at, mask } of flips) copy[at % copy.length]! ^= mask
  return Buffer.concat([cut === undefined ? copy : copy.subarray(0, cut % (copy.length + 1)), tail])
}

/** Lengths of pieces that a message is received in, over and over. */
export const choppings: fc.Arbitrary<readonly number[]> = fc.array(fc.integer({ min: 1, max: 3000 }), {
  minLength: 1,
  maxLength: 6,
})

/** Cuts a message in pieces. */
export function* chop(message: Buffer, chopping: readonly number[]): Generator<Buffer> {
  let start = 0
  for (let index = 0; start < message.length; index++) {
    const length = chopping[index % chopping.length]!
    yield message.subarray(start, start + length)
    start += length
  }
}
