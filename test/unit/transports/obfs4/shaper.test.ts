import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Segment } from '../../../../src/core/codec.ts'
import type { WeightedDistribution } from '../../../../src/crypto/weighted-distribution.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import {
  FRAME_OVERHEAD_LENGTH,
  MAX_FRAME_LENGTH,
  MAX_PAYLOAD_LENGTH,
} from '../../../../src/transports/obfs4/frame-format.ts'
import { createFrameDecoder, createFrameEncoder } from '../../../../src/transports/obfs4/framing.ts'
import type { IatMode } from '../../../../src/transports/obfs4/options.ts'
import { ShapeTables, Shaper, burstPadding } from '../../../../src/transports/obfs4/shaper.ts'

const key = Buffer.alloc(72, 7)
const SEED = Buffer.from('000102030405060708090a0b0c0d0e0f1011121314151617', 'hex')

/** Tables that hold just these values, all equally likely. */
function tablesOf(lengths: readonly number[], delays: readonly number[] = [0]): ShapeTables {
  const distribution = (values: readonly number[]): WeightedDistribution => {
    let next = 0
    return { values, sample: () => values[next++ % values.length]! } as unknown as WeightedDistribution
  }
  return { lengths: distribution(lengths), delays: distribution(delays) } as unknown as ShapeTables
}

function createShaper(iatMode: IatMode, tables: ShapeTables): Shaper {
  return new Shaper(createFrameEncoder(key), () => tables, iatMode, new SeededRandom('shaper'))
}

const bytesOf = (segments: readonly Segment[]): Buffer => Buffer.concat(segments.map(({ bytes }) => bytes))
const decode = (wire: Buffer): Buffer =>
  createFrameDecoder(key, new SeededRandom(1)).decode(wire).data ?? Buffer.alloc(0)

describe('burst padding', () => {
  test('ends at the target, or 21 bytes past it, for every tail and every target', () => {
    const wrong: string[] = []
    for (let tail = 0; tail < MAX_FRAME_LENGTH; tail++) {
      for (let target = 0; target <= MAX_FRAME_LENGTH; target++) {
        const frames = burstPadding(2 * MAX_FRAME_LENGTH + tail, target)
        let end = tail
        for (const zeros of frames) {
          end += FRAME_OVERHEAD_LENGTH + zeros
          if (!(zeros >= 0 && zeros <= MAX_PAYLOAD_LENGTH)) wrong.push(`${tail} → ${target}: a frame of ${zeros}`)
        }
        const past = (end - target + MAX_FRAME_LENGTH) % MAX_FRAME_LENGTH
        const allowed = frames.length === 2 ? FRAME_OVERHEAD_LENGTH : 0
        if (past !== allowed) wrong.push(`${tail} → ${target}: ends at ${end}`)
        if (end - tail > 2 * MAX_FRAME_LENGTH) wrong.push(`${tail} → ${target}: ${end - tail} bytes of padding`)
      }
    }
    assert.deepEqual(wrong.slice(0, 5), [])
  })

  test('is one frame exactly when the rest takes more than a frame without payload', () => {
    assert.deepEqual(burstPadding(100, 100), [])
    assert.deepEqual(burstPadding(100, 122), [1])
    assert.deepEqual(burstPadding(100, 121), [1427, 21])
    assert.deepEqual(burstPadding(100, 101), [1427, 1])
    assert.deepEqual(burstPadding(100, 99), [1426])
    assert.deepEqual(burstPadding(1448, 1448), [1427])
    assert.deepEqual(burstPadding(1447, 0), [1427, 1])
  })
})

describe('iat-mode 0', () => {
  test('sends a write as one segment without delay, padded to the sampled length', () => {
    for (const target of [22, 500, 1447]) {
      const segments = createShaper(0, tablesOf([target])).shape([Buffer.from('abc'), Buffer.alloc(3000, 1)])
      assert.equal(segments.length, 1)
      assert.equal(segments[0]!.delayMs, undefined)
      const tail = segments[0]!.bytes.length % MAX_FRAME_LENGTH
      assert.ok(tail === target || tail === target + FRAME_OVERHEAD_LENGTH, `ends at ${tail}, not ${target}`)
      assert.equal(decode(bytesOf(segments)).length, 3003)
    }
  })
})

describe('iat-mode 1', () => {
  test('cuts a write in pieces of 1,448 bytes and a rest, each with a delay of the table', () => {
    const segments = createShaper(1, tablesOf([700], [0, 10, 100])).shape([Buffer.alloc(10_000, 5)])
    assert.ok(segments.slice(0, -1).every(({ bytes }) => bytes.length === MAX_FRAME_LENGTH))
    assert.equal(segments.at(-1)!.bytes.length, 700)
    assert.deepEqual(
      segments.map(({ delayMs }) => delayMs),
      segments.map((_, index) => [0, 1, 10][index % 3]),
    )
    assert.deepEqual(decode(bytesOf(segments)), Buffer.alloc(10_000, 5))
  })

  test('rounds delays to whole ms by chance, so that their mean stays', () => {
    for (const units of [1, 5, 37, 99, 100]) {
      const shaper = createShaper(1, tablesOf([100], [units]))
      const delays = Array.from({ length: 4000 }, () => shaper.shape([Buffer.alloc(1)]))
        .flat()
        .map(({ delayMs }) => delayMs!)
      assert.ok(delays.every((delay) => delay === Math.floor(units / 10) || delay === Math.ceil(units / 10)))
      const mean = delays.reduce((sum, delay) => sum + delay, 0) / delays.length
      assert.ok(Math.abs(mean - units / 10) < 0.04, `the mean of ${units} × 100 µs is ${mean} ms`)
    }
  })
})

describe('iat-mode 2', () => {
  test('sends nothing but segments of sampled lengths, whatever is written', () => {
    const tables = new ShapeTables(SEED)
    const lengths = new Set(tables.lengths.values)
    const random = new SeededRandom('writes')
    const shaper = new Shaper(createFrameEncoder(key), () => tables, 2, random)
    const decoder = createFrameDecoder(key, random)
    for (let length = 1; length < 6000; length += 97) {
      const payload = random.fill(Buffer.alloc(length))
      const segments = shaper.shape([payload])
      const odd = segments.filter(({ bytes }) => !lengths.has(bytes.length)).map(({ bytes }) => bytes.length)
      assert.deepEqual(odd, [])
      assert.ok(segments.every(({ delayMs }) => delayMs! >= 0 && delayMs! <= 10))
      const decoded = decoder.decode(bytesOf(segments))
      assert.deepEqual(decoded.data, payload)
      assert.equal(decoder.partial, false)
    }
  })

  test('draws a length of 0 again, and ends also with a table of nothing else', () => {
    const mixed = createShaper(2, tablesOf([0, 0, 0, 50])).shape([Buffer.alloc(400)])
    assert.ok(mixed.every(({ bytes }) => bytes.length === 50))
    const zeros = createShaper(2, tablesOf([0])).shape([Buffer.alloc(4000)])
    assert.ok(zeros.every(({ bytes }) => bytes.length === MAX_FRAME_LENGTH))
    assert.deepEqual(decode(bytesOf(zeros)), Buffer.alloc(4000))
  })

  test('ends with a table whose only length is smaller than a frame without payload', () => {
    const segments = createShaper(2, tablesOf([1])).shape([Buffer.alloc(50, 3)])
    assert.ok(segments.every(({ bytes }) => bytes.length === 1))
    assert.deepEqual(decode(bytesOf(segments)), Buffer.alloc(50, 3))
  })
})

describe('tables', () => {
  test('hold lengths of 0 to 1,448 bytes and delays of 0 to 100 units, and follow from the seed', () => {
    for (let index = 0; index < 50; index++) {
      const seed = Buffer.alloc(24, index)
      const { lengths, delays } = new ShapeTables(seed)
      assert.ok(lengths.values.every((length) => length >= 0 && length <= MAX_FRAME_LENGTH))
      assert.ok(delays.values.every((delay) => delay >= 0 && delay <= 100))
      assert.deepEqual(new ShapeTables(seed).delays.values, delays.values)
    }
  })

  test("that arrive later take the place of one's own, from the next write on", () => {
    let drawn = 0
    const shaper = new Shaper(createFrameEncoder(key), () => (drawn++, tablesOf([100])), 0, new SeededRandom(1))
    assert.equal(drawn, 0)
    assert.equal(bytesOf(shaper.shape([Buffer.alloc(1)])).length, 100)
    shaper.tables = tablesOf([900])
    assert.equal(bytesOf(shaper.shape([Buffer.alloc(1)])).length, 900)
    assert.equal(drawn, 1)
  })
})

test('iat-mode 2 ends for every table of one value, also where no padding can reach it', () => {
  for (const value of [1, 9, 20, 21, 22, 1447, 1448]) {
    const segments = createShaper(2, tablesOf([value])).shape([Buffer.alloc(10, 1)])
    assert.deepEqual(decode(bytesOf(segments)), Buffer.alloc(10, 1), `value ${value}`)
    const odd = segments.filter(({ bytes }) => bytes.byteLength !== value)
    assert.ok(odd.length <= 1, `value ${value}: ${odd.length} segments of other lengths`)
  }
})
