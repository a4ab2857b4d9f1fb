import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOTHING } from '../../../../src/core/codec.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { createFrameDecoder, createFrameEncoder } from '../../../../src/transports/obfs4/framing.ts'
import { Session } from '../../../../src/transports/obfs4/session.ts'
import { ShapeTables, Shaper } from '../../../../src/transports/obfs4/shaper.ts'

const random = new SeededRandom('session')
const key = Buffer.alloc(72, 9)

function create() {
  const seeds: string[] = []
  const shaper = new Shaper(createFrameEncoder(key), () => new ShapeTables(Buffer.alloc(24)), 0, random)
  const session = new Session(createFrameDecoder(key, random), shaper, (seed) => seeds.push(seed.toString('hex')))
  return { session, seeds, peer: createFrameEncoder(key) }
}

test('gives the data before the error, and then nothing but the error', () => {
  const { session, peer } = create()
  const good = peer.encode([Buffer.from('good')])
  const bad = peer.encode([Buffer.from('bad')])
  bad[bad.length - 1]! ^= 1
  const step = session.receive(Buffer.concat([good, bad]))
  assert.equal(step.data?.toString(), 'good')
  assert.equal(step.close?.code, 'PT_FRAME_INVALID')
  const later = session.receive(peer.encode([Buffer.from('more')]))
  assert.deepEqual(Object.keys(later), ['close'])
})

test('hears each seed, and seeds of another length not', () => {
  const { session, seeds, peer } = create()
  const wire = [24, 23, 25, 24].map((length, index) => peer.encodePacket(1, Buffer.alloc(length, index)))
  for (const frame of wire) assert.deepEqual(session.receive(frame), NOTHING)
  assert.deepEqual(seeds, ['00'.repeat(24), '03'.repeat(24)])
})

test('skips packets of unknown types, whatever their length', () => {
  const { session, peer } = create()
  for (const length of [0, 1, 1427])
    assert.deepEqual(session.receive(peer.encodePacket(0x7f, Buffer.alloc(length))), NOTHING)
  assert.equal(session.receive(peer.encode([Buffer.from('x')])).data?.toString(), 'x')
})

test('sends nothing for no bytes, and puts what goes before ahead of some', () => {
  const { session } = create()
  const before = [{ bytes: Buffer.alloc(0), delayMs: 12 }]
  assert.deepEqual(session.send([], before), NOTHING)
  assert.deepEqual(session.send([Buffer.alloc(0), Buffer.alloc(0)], before), NOTHING)
  const step = session.send([Buffer.from('x')], before)
  assert.equal(step.wire?.length, 2)
  assert.equal(step.wire[0], before[0])
})

test('takes an end between frames for one, and within a frame for a truncation', () => {
  const { session, peer } = create()
  assert.deepEqual(session.finish(), NOTHING)
  const frame = peer.encode([Buffer.from('x')])
  for (let end = 1; end < frame.length; end++) {
    session.receive(frame.subarray(end - 1, end))
    assert.equal(session.finish().close?.code, 'PT_TRUNCATED')
  }
  session.receive(frame.subarray(-1))
  assert.deepEqual(session.finish(), NOTHING)
})
