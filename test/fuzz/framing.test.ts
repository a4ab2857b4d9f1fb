import assert from 'node:assert/strict'
import fc from 'fast-check'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import type { DecodedFrames } from '../../src/transports/obfs4/frame-format.ts'
import { ShapeTables, Shaper } from '../../src/transports/obfs4/shaper.ts'
import { uniformInteger } from '../../src/util/random.ts'
import { bytes, chop, choppings, fuzz, mutate, mutations } from '../support/fuzz.ts'
import { implementations, kernelFraming } from '../unit/transports/obfs4/frame-fixtures.ts'

const packets = fc.array(
  fc.record({
    type: fc.oneof(fc.constantFrom(0, 1, 2), fc.nat(255)),
    payload: fc.oneof(
      bytes(64),
      fc.constantFrom(0, 24, 1426, 1427).map((length) => Buffer.alloc(length, 7)),
    ),
    padding: fc.nat(400),
  }),
  { maxLength: 8 },
)

const examples = fc.record({
  key: fc.uint8Array({ minLength: 72, maxLength: 72 }),
  packets,
  mutation: mutations,
  noise: bytes(2000),
  chopping: choppings,
  otherChopping: choppings,
})

interface Summary {
  readonly data: string
  readonly seeds: string
  readonly error: string | undefined
}

const summarise = (results: readonly DecodedFrames[]): Summary => ({
  data: Buffer.concat(results.flatMap(({ data }) => (data === undefined ? [] : [data]))).toString('hex'),
  seeds: results.findLast(({ seed }) => seed !== undefined)?.seed?.toString('hex') ?? '',
  error: results.at(-1)?.error,
})

fuzz(
  'frames: both decoders agree on good, mutated and random bytes, in any chopping, and never throw',
  examples,
  ({ key, packets, mutation, noise, chopping, otherChopping }) => {
    const [kernel, portable] = implementations
    const encoder = kernel!.encoder(key)
    const good = Buffer.concat(
      packets.map(({ type, payload, padding }) =>
        encoder.encodePacket(type, payload, Math.min(padding, 1427 - payload.length)),
      ),
    )
    const wire = Buffer.concat([mutate(good, mutation), noise])
    const runs = [
      { decoder: kernel!.decoder(key), pieces: chop(wire, chopping) },
      { decoder: kernel!.decoder(key), pieces: chop(wire, otherChopping) },
      { decoder: portable!.decoder(key), pieces: chop(wire, chopping) },
    ].map(({ decoder, pieces }) => {
      const results = [...pieces].map((piece) => decoder.decode(piece))
      const firstError = results.findIndex(({ error }) => error !== undefined)
      if (firstError >= 0) {
        for (const { data, seed, error } of results.slice(firstError + 1))
          assert.deepEqual([data, seed, error], [undefined, undefined, results[firstError]!.error])
      }
      return { summary: summarise(results), partial: decoder.partial }
    })
    for (const other of runs.slice(1)) {
      assert.deepEqual(other.summary, runs[0]!.summary)
      if (runs[0]!.summary.error === undefined) assert.equal(other.partial, runs[0]!.partial)
    }
    const payloads = packets.filter(({ type }) => type === 0).map(({ payload }) => payload)
    const sent = Buffer.concat(payloads).toString('hex')
    assert.ok(sent.startsWith(runs[0]!.summary.data), 'not a byte comes out that was not sent')
  },
  { share: 0.8 },
)

fuzz(
  'a write ends in bounded segments whatever the seed of the tables, and arrives whole',
  fc.record({
    seed: fc.uint8Array({ minLength: 24, maxLength: 24 }),
    values: fc.option(fc.array(fc.nat(1448), { minLength: 1, maxLength: 2 })),
    iatMode: fc.constantFrom(0 as const, 1 as const, 2 as const),
    writes: fc.array(fc.oneof(bytes(40), bytes(5000)), { minLength: 1, maxLength: 4 }),
  }),
  ({ seed, values, iatMode, writes }) => {
    const key = Buffer.alloc(72, 5)
    const random = new SeededRandom(Buffer.from(seed).toString('hex'))
    const tables = new ShapeTables(seed)
    // Tables of one or two values are rare, and the hardest.
    if (values !== null) tables.lengths.sample = () => values[uniformInteger(random, 0, values.length - 1)]!
    const shaper = new Shaper(kernelFraming.encoder(key), () => tables, iatMode, random)
    const decoder = kernelFraming.decoder(key)
    for (const payload of writes) {
      if (payload.length === 0) continue
      const segments = shaper.shape([payload])
      const wire = Buffer.concat(segments.map((segment) => segment.bytes))
      assert.ok(wire.length < 2 * payload.length + 40 * 1448, `${payload.length} bytes became ${wire.length}`)
      assert.ok(segments.every((segment) => segment.bytes.length > 0))
      assert.deepEqual(decoder.decode(wire).data, payload)
    }
  },
  { share: 0.3 },
)
