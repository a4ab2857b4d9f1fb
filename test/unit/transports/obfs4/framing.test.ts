import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { HashDrbg } from '../../../../src/crypto/drbg.ts'
import { encodedLength, createFrameDecoder, createFrameEncoder } from '../../../../src/transports/obfs4/framing.ts'
import { KernelFrameEncoder } from '../../../../src/transports/obfs4/framing-kernel.ts'
import { hex } from '../../crypto/vectors.ts'
import { implementations, SeededRandom, sodium, vectors } from './frame-fixtures.ts'

const okm = hex(vectors.handshake.okm144)
const clientKey = okm.subarray(0, 72)
const serverKey = okm.subarray(72)
const NOTHING = { data: undefined, seed: undefined, error: undefined }
const LAST_COUNTER = 2n ** 64n - 1n

for (const { name, encoder, decoder } of implementations) {
  describe(`${name} framing`, () => {
    for (const [direction, key, frames] of [
      ['server', serverKey, vectors.serverFrames],
      ['client', clientKey, vectors.clientFrames],
    ] as const) {
      test(`seals and opens the ${direction}'s frames of the vectors`, () => {
        const sealing = encoder(key)
        const opening = decoder(key)
        for (const { type, payload, pad, frame } of frames) {
          assert.equal(sealing.encodePacket(type, hex(payload), pad).toString('hex'), frame)
          const { data, seed, error } = opening.decode(hex(frame))
          assert.equal(error, undefined)
          assert.equal(data?.toString('hex') ?? '', type === 0 ? payload : '')
          assert.equal(seed?.toString('hex') ?? '', type === 1 ? payload : '')
        }
        assert.equal(opening.partial, false)
      })
    }

    test('cuts application bytes into full frames and appends the padding frames', () => {
      const bytes = new SeededRandom(1).bytes(3000)
      const wire = encoder(clientKey).encode([bytes], [0, 1427, 5])
      assert.equal(wire.length, encodedLength(3000) + 21 + 1448 + 26)
      const sealing = encoder(clientKey)
      const frames = [0, 1427, 2854].map((at) => sealing.encodePacket(0, bytes.subarray(at, at + 1427)))
      const padding = [0, 1427, 5].map((count) => sealing.encodePacket(0, Buffer.alloc(0), count))
      assert.deepEqual(wire, Buffer.concat([...frames, ...padding]))
    })

    test('encodes chunks as the bytes they make up', () => {
      const bytes = new SeededRandom(2).bytes(200_000)
      const chunks = [0, 1, 1, 70_000, 199_999, 200_000].map((at, i, all) => bytes.subarray(all[i - 1] ?? 0, at))
      assert.deepEqual(encoder(clientKey).encode(chunks), encoder(clientKey).encode([bytes]))
      assert.equal(encoder(clientKey).encode([]).length, 0)
      assert.equal(encoder(clientKey).encode([Buffer.alloc(0)]).length, 0)
    })

    test('appends padding to more frames than the kernel takes at once', () => {
      const bytes = new SeededRandom(2).bytes(67_069)
      const wire = encoder(clientKey).encode(
        [bytes],
        Array.from({ length: 100 }, () => 1427),
      )
      assert.equal(wire.length, 147 * 1448)
      assert.deepEqual(decoder(clientKey).decode(wire).data, bytes)
    })

    for (const length of [1, 100, 1426, 1427, 1428, 65_536, 67_068, 67_069, 67_070, 2 ** 20]) {
      test(`brings ${length} bytes there and back in one piece`, () => {
        const bytes = new SeededRandom(3).bytes(length)
        const wire = encoder(serverKey).encode([bytes])
        assert.equal(wire.length, encodedLength(length))
        const opening = decoder(serverKey)
        assert.deepEqual(opening.decode(wire), { data: bytes, seed: undefined, error: undefined })
        assert.equal(opening.partial, false)
      })
    }

    test('opens frames that arrive byte by byte, and says whether one has begun', () => {
      const wire = encoder(clientKey).encode([Buffer.from('obfuscated')])
      const opening = decoder(clientKey)
      assert.equal(opening.partial, false)
      assert.deepEqual(opening.decode(Buffer.alloc(0)), NOTHING)
      assert.equal(opening.partial, false)
      for (let at = 0; at < wire.length - 1; at++) {
        assert.deepEqual(opening.decode(wire.subarray(at, at + 1)), NOTHING)
        assert.equal(opening.partial, true)
      }
      assert.equal(opening.decode(wire.subarray(-1)).data?.toString(), 'obfuscated')
      assert.equal(opening.partial, false)
    })

    test('skips packets of unknown types and seeds of another length, and takes the last seed', () => {
      const sealing = encoder(clientKey)
      const wire = Buffer.concat([
        sealing.encodePacket(1, Buffer.alloc(24, 1)),
        sealing.encodePacket(0, Buffer.from('before ')),
        sealing.encodePacket(7, Buffer.from('unknown')),
        sealing.encodePacket(1, Buffer.alloc(24, 2), 100),
        sealing.encodePacket(1, Buffer.alloc(23, 3)),
        sealing.encodePacket(0, Buffer.from('after'), 9),
      ])
      const { data, seed, error } = decoder(clientKey).decode(wire)
      assert.deepEqual([data?.toString(), seed, error], ['before after', Buffer.alloc(24, 2), undefined])
    })

    test('delivers the good frames before a bad one, and then only the error', () => {
      const sealing = encoder(clientKey)
      const good = sealing.encode([Buffer.from('good')])
      const bad = sealing.encode([Buffer.from('bad')])
      bad[bad.length - 1]! ^= 1
      const opening = decoder(clientKey)
      const { data, error } = opening.decode(Buffer.concat([good, bad, sealing.encode([Buffer.from('later')])]))
      assert.deepEqual([data?.toString(), error], ['good', 'tag-mismatch'])
      assert.deepEqual(opening.decode(sealing.encode([Buffer.from('later')])), { ...NOTHING, error: 'tag-mismatch' })
      assert.deepEqual(opening.decode(Buffer.alloc(0)), { ...NOTHING, error: 'tag-mismatch' })
    })

    test('refuses a bit flip anywhere in a frame, when all bytes of the length it then has are there', () => {
      const wire = encoder(clientKey).encode([Buffer.from('every bit counts')])
      for (let bit = 0; bit < wire.length * 8; bit++) {
        const flipped = Buffer.concat([wire, Buffer.alloc(1446)])
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        assert.deepEqual(decoder(clientKey).decode(flipped), { ...NOTHING, error: 'tag-mismatch' }, `bit ${bit}`)
      }
    })

    test('waits for a random valid length behind an invalid one', () => {
      const opening = decoder(clientKey)
      // A length of 0xffff is never valid: with the frame's own length and mask as sent, XOR makes it so.
      const wire = encoder(clientKey).encode([Buffer.from('x')])
      wire.writeUInt16BE(wire.readUInt16BE(0) ^ 20 ^ 0xffff)
      assert.deepEqual(opening.decode(wire.subarray(0, 2)), NOTHING)
      let waited = 0
      let result = opening.decode(Buffer.alloc(1))
      for (; result.error === undefined && waited < 1446; waited++) result = opening.decode(Buffer.alloc(1))
      assert.equal(result.error, 'tag-mismatch')
      assert.equal(waited + 1, substituteLength())
    })

    for (const [what, length] of [
      ['shorter than a tag', 15],
      ['longer than a frame', 1447],
    ] as const) {
      test(`takes a length ${what} as invalid`, () => {
        const wire = encoder(clientKey).encode([Buffer.from('x')])
        wire.writeUInt16BE(wire.readUInt16BE(0) ^ 20 ^ length)
        const opening = decoder(clientKey)
        assert.equal(opening.decode(wire.subarray(0, 2)).error, undefined)
        assert.equal(opening.decode(Buffer.alloc(substituteLength() - 1)).error, undefined)
        assert.equal(opening.decode(Buffer.alloc(1)).error, 'tag-mismatch')
      })
    }

    test('refuses an authentic packet without a whole header', () => {
      // Sealed by sodium-native under the client's first nonce.
      for (const packet of ['', '00', '0000']) {
        assert.equal(decoder(clientKey).decode(sealedRaw(hex(packet))).error, 'packet-invalid')
      }
      assert.deepEqual(decoder(clientKey).decode(sealedRaw(hex('000000'))), NOTHING)
    })

    test('refuses an authentic packet whose payload ends behind the frame', () => {
      assert.equal(
        decoder(clientKey)
          .decode(sealedRaw(hex('00000161')))
          .data?.toString(),
        'a',
      )
      assert.equal(decoder(clientKey).decode(sealedRaw(hex('00000261'))).error, 'packet-invalid')
      assert.equal(decoder(clientKey).decode(sealedRaw(hex('00ffff61'))).error, 'packet-invalid')
      assert.equal(decoder(clientKey).decode(sealedRaw(hex('09000261'))).error, 'packet-invalid')
    })

    test('ignores what the padding contains', () => {
      assert.equal(
        decoder(clientKey)
          .decode(sealedRaw(hex('00000161deadbeef')))
          .data?.toString(),
        'a',
      )
    })

    test('seals the last frame of a key and no other', () => {
      const sealing = encoder(clientKey, LAST_COUNTER)
      const opening = decoder(clientKey, LAST_COUNTER)
      assert.equal(opening.decode(sealing.encode([Buffer.from('last')])).data?.toString(), 'last')
      for (let i = 0; i < 2; i++) {
        assert.throws(() => sealing.encode([Buffer.from('x')]), RangeError)
        assert.throws(() => sealing.encodePacket(1, Buffer.alloc(24)), RangeError)
      }
      const next = Buffer.alloc(1448)
      assert.equal(opening.decode(next).error, 'counter-exhausted')
      assert.throws(() => encoder(clientKey, LAST_COUNTER).encode([Buffer.alloc(1428)]), RangeError)
    })

    test('refuses keys and padding of impossible lengths', () => {
      assert.throws(() => encoder(Buffer.alloc(71)), RangeError)
      assert.throws(() => decoder(Buffer.alloc(144)), RangeError)
      const sealing = encoder(clientKey)
      for (const count of [-1, 1428, 0.5, Number.NaN]) assert.throws(() => sealing.encode([], [count]), RangeError)
      assert.throws(() => sealing.encodePacket(0, Buffer.alloc(1400), 28), RangeError)
      assert.throws(() => sealing.encodePacket(0, Buffer.alloc(1428)), RangeError)
      assert.equal(decoder(clientKey).decode(sealing.encode([Buffer.from('still in step')])).error, undefined)
    })

    test('leaves the caller its buffers', () => {
      const key = Buffer.from(clientKey)
      const bytes = new SeededRandom(5).bytes(2000)
      const copy = Buffer.from(bytes)
      const sealing = encoder(key)
      const opening = decoder(key)
      key.fill(0)
      const wire = sealing.encode([bytes])
      assert.deepEqual(bytes, copy)
      const first = Buffer.from(wire.subarray(0, 700))
      assert.equal(opening.decode(first).data, undefined)
      first.fill(0)
      assert.deepEqual(opening.decode(wire.subarray(700)).data, bytes)
    })
  })
}

/** The length that the fixtures' decoders pretend. */
function substituteLength(): number {
  return new SeededRandom(7).integer(16, 1446)
}

/** The client's first frame with any packet in it, made without our framing. */
function sealedRaw(packet: Buffer): Buffer {
  const nonce = Buffer.concat([clientKey.subarray(32, 48), hex('0000000000000001')])
  const frame = Buffer.alloc(18 + packet.length)
  sodium.crypto_secretbox_easy(frame.subarray(2), packet, nonce, clientKey.subarray(0, 32))
  const masks = new HashDrbg(clientKey.subarray(48))
  masks.advance()
  frame.writeUInt16BE((frame.length - 2) ^ (masks.first >>> 16))
  return frame
}

test('uses the kernel where it runs', () => {
  assert.ok(createFrameEncoder(clientKey) instanceof KernelFrameEncoder)
  const wire = createFrameEncoder(clientKey).encode([Buffer.from('either way')])
  assert.equal(createFrameDecoder(clientKey, new SeededRandom(1)).decode(wire).data?.toString(), 'either way')
})
