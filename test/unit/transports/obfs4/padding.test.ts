import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { test } from 'node:test'
import { CLIENT_MAX_PAD_LENGTH, CLIENT_MIN_PAD_LENGTH } from '../../../../src/transports/obfs4/constants.ts'
import {
  EXEMPT_FORMS,
  type ExemptForm,
  type PaddingStyle,
  createExemptPadding,
  createUniformPadding,
} from '../../../../src/transports/obfs4/padding.ts'
import { randomBytes, uniformInteger } from '../../../../src/util/random.ts'
import { exemptions } from './detector.ts'

const random = {
  fill: <Bytes extends Uint8Array>(target: Bytes): Bytes => {
    randomFillSync(target)
    return target
  },
}

const RULES = { density: 'density', share: 'printable share', run: 'printable run' } as const
const LONGEST_SEGMENT = 1460
const HELLOS = 300

/** Lengths of padding: all over the range, and more of the short ones, for which mark and MAC weigh most. */
function padLength(index: number): number {
  if (index % 5 === 0) return CLIENT_MIN_PAD_LENGTH + (index % 60)
  if (index % 5 === 1) return uniformInteger(random, CLIENT_MIN_PAD_LENGTH, 1500)
  return uniformInteger(random, CLIENT_MIN_PAD_LENGTH, CLIENT_MAX_PAD_LENGTH)
}

/** Makes hellos as the handshake does, mark and MAC replaced by random bytes, and counts the refused ones. */
function makeHello(style: PaddingStyle, length: number): { hello: Buffer; refused: number } {
  const representative = randomBytes(random, 32)
  const pad = Buffer.alloc(length)
  for (let refused = 0; ; refused++) {
    style.fill(pad, representative)
    const hello = Buffer.concat([representative, pad, randomBytes(random, 32)])
    if (style.accepts(hello)) return { hello, refused }
  }
}

for (const form of EXEMPT_FORMS) {
  test(`exempts every first segment of 141 to 1,460 bytes by its ${RULES[form]}, and refills few hellos`, () => {
    let refusedCount = 0
    for (let index = 0; index < HELLOS; index++) {
      const length = padLength(index)
      const { hello, refused } = makeHello(createExemptPadding(random, form), length)
      refusedCount += refused
      for (let end = 141; end <= Math.min(LONGEST_SEGMENT, hello.length); end++)
        assert.ok(exemptions(hello.subarray(0, end)).length > 0, `padding of ${length}, segment of ${end}`)
      assert.ok(exemptions(hello.subarray(0, LONGEST_SEGMENT)).includes(RULES[form]))
    }
    assert.ok(refusedCount <= 12, `${refusedCount} refilled`)
  })

  test(`exempts by its ${RULES[form]} whatever a prefix inside the padding, for the worst representatives`, () => {
    for (const representative of [Buffer.alloc(32, 0xff), Buffer.alloc(32, 0x00), Buffer.alloc(32, 0x80)]) {
      const style = createExemptPadding(random, form)
      const pad = Buffer.alloc(1500)
      style.fill(pad, representative)
      const begun = Buffer.concat([representative, pad])
      for (let end = 141; end <= LONGEST_SEGMENT; end++)
        assert.ok(exemptions(begun.subarray(0, end)).includes(RULES[form]), `segment of ${end}`)
    }
  })
}

test('reaches every form, and both ends of the bit density', () => {
  const reached = new Set<string>()
  for (let count = 0; count < 200; count++) {
    const style = createExemptPadding(random)
    const { hello } = makeHello(style, 1500)
    const segment = hello.subarray(0, LONGEST_SEGMENT)
    const rules = exemptions(segment)
    if (rules.includes('printable share')) reached.add('share')
    else if (rules.includes('printable run')) reached.add('run')
    else if (rules.includes('density')) reached.add(bitsPerByte(segment) < 4 ? 'low density' : 'high density')
  }
  assert.deepEqual([...reached].sort(), ['high density', 'low density', 'run', 'share'])
})

test('draws figures once per factory and varies them per hello', () => {
  const measures: Record<ExemptForm, (pad: Buffer) => number> = {
    density: bitsPerByte,
    share: (pad) => pad.filter((byte) => byte >= 0x20 && byte <= 0x7e).length / pad.length,
    run: (pad) => /[\x20-\x7e]{21,}/.exec(pad.toString('latin1'))![0].length,
  }
  for (const form of EXEMPT_FORMS) {
    const factories = Array.from({ length: 12 }, () => {
      const style = createExemptPadding(random, form)
      return Array.from({ length: 12 }, () => {
        const pad = Buffer.alloc(8000)
        style.fill(pad, Buffer.alloc(32, 0x0f))
        return measures[form](pad)
      })
    })
    assert.ok(
      factories.every((values) => new Set(values).size > 1),
      form,
    )
    const means = factories.map((values) => values.reduce((sum, value) => sum + value) / values.length)
    const within = Math.max(...factories.map((values) => Math.max(...values) - Math.min(...values)))
    assert.ok(Math.max(...means) - Math.min(...means) > within / 8, form)
  }
})

test('fills uniformly where that is asked for', () => {
  const counts = new Uint32Array(256)
  const style = createUniformPadding(random)
  for (let count = 0; count < 100; count++) {
    const pad = Buffer.alloc(4096)
    style.fill(pad, Buffer.alloc(32))
    for (const byte of pad) counts[byte]! += 1
  }
  const expected = (100 * 4096) / 256
  const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
  // 255 degrees of freedom: outside 140..400 once in more than 10^8 runs.
  assert.ok(chiSquare > 140 && chiSquare < 400, String(chiSquare))
})

test('leaves uniform hellos to be blocked, so that the detector here can fail', () => {
  const style = createUniformPadding(random)
  let blocked = 0
  for (let count = 0; count < HELLOS; count++) {
    const { hello } = makeHello(style, padLength(count))
    if (exemptions(hello.subarray(0, LONGEST_SEGMENT)).length === 0) blocked++
  }
  assert.ok(blocked > HELLOS * 0.9, String(blocked))
})

test('refuses a short exempt hello whose mark and MAC take it over the limit', () => {
  const style = createExemptPadding(random, 'density')
  const pad = Buffer.alloc(77)
  const representative = Buffer.alloc(32, 0x99)
  style.fill(pad, representative)
  const high = bitsPerByte(pad) > 4
  const hello = Buffer.concat([representative, pad, Buffer.alloc(32, high ? 0x00 : 0xff)])
  assert.equal(style.accepts(hello), false)
})

function bitsPerByte(bytes: Uint8Array): number {
  let bits = 0
  for (const byte of bytes) for (let bit = 0; bit < 8; bit++) bits += (byte >> bit) & 1
  return bits / bytes.length
}
