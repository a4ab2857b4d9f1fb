import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HashDrbg } from '../../../../src/crypto/drbg.ts'
import type { FrameDecoder } from '../../../../src/transports/obfs4/frame-format.ts'
import { type Implementation, implementations, kernelFraming, SeededRandom, sodium } from './frame-fixtures.ts'

const FRAME_COUNT = 100_000
const seed = Number(process.env['FRAMES_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
const random = new SeededRandom(seed)

test(`kernel, @noble/ciphers and sodium-native agree on ${FRAME_COUNT} random frames in any chopping`, (t) => {
  t.diagnostic(`FRAMES_SEED=${seed}`)
  let frames = 0
  while (frames < FRAME_COUNT) {
    const key = random.bytes(72)
    const encoders = implementations.map((implementation) => implementation.encoder(key))
    const decoders = implementations.map((implementation) => implementation.decoder(key))
    const native = new NativeFrames(key)
    for (let i = 0; i < 25; i++) {
      const bytes = random.bytes(burstLength())
      const padding = Array.from({ length: random.integer(0, 4) }, frameLength)
      const expected = native.burst(bytes, padding)
      frames += Math.ceil(bytes.length / 1427) + padding.length
      for (const encoder of encoders) assert.ok(encoder.encode(pieces(bytes), padding).equals(expected))
      for (const decoder of decoders) assert.ok(decodeAll(decoder, pieces(expected)).equals(bytes))
    }
  }
})

test('the kernel opens a stream of large reads and tiny ones alike', () => {
  const { encoder, decoder } = streamOf(kernelFraming)
  for (const length of [1, 20, 21, 1447, 1448, 1449, 4096, 65_536, 68_056, 68_057, 200_000]) {
    const bytes = random.bytes(150_000)
    const wire = encoder.encode([bytes])
    const reads = Array.from({ length: Math.ceil(wire.length / length) }, (_, i) =>
      wire.subarray(i * length, (i + 1) * length),
    )
    assert.ok(decodeAll(decoder, reads).equals(bytes), `reads of ${length}, FRAMES_SEED=${seed}`)
  }
})

function streamOf(implementation: Implementation) {
  const key = random.bytes(72)
  return { encoder: implementation.encoder(key), decoder: implementation.decoder(key) }
}

/** Mostly short, since @noble/ciphers is slow; sometimes many frames. */
function burstLength(): number {
  const kind = random.integer(0, 99)
  if (kind === 0) return random.integer(0, 30_000)
  return kind < 10 ? random.integer(0, 4000) : random.integer(0, 300)
}

function frameLength(): number {
  return random.integer(0, random.integer(0, 9) === 0 ? 1427 : 200)
}

/** Cuts `bytes` at random, empty pieces included. */
function pieces(bytes: Buffer): Buffer[] {
  const cuts = Array.from({ length: random.integer(0, 3) }, () => random.integer(0, bytes.length))
  cuts.push(bytes.length)
  cuts.sort((a, b) => a - b)
  return cuts.map((end, i) => bytes.subarray(cuts[i - 1] ?? 0, end))
}

function decodeAll(decoder: FrameDecoder, reads: readonly Buffer[]): Buffer {
  const payloads: Buffer[] = []
  for (const read of reads) {
    const { data, error } = decoder.decode(read)
    assert.equal(error, undefined, `FRAMES_SEED=${seed}`)
    if (data !== undefined) payloads.push(data)
  }
  assert.equal(decoder.partial, false, `FRAMES_SEED=${seed}`)
  return Buffer.concat(payloads)
}

/** The framing once more, with libsodium's box. */
class NativeFrames {
  readonly #key: Buffer
  readonly #nonce: Buffer
  readonly #masks: HashDrbg
  #counter = 0n

  constructor(key: Buffer) {
    this.#key = key.subarray(0, 32)
    this.#nonce = Buffer.concat([key.subarray(32, 48), Buffer.alloc(8)])
    this.#masks = new HashDrbg(key.subarray(48))
  }

  burst(bytes: Buffer, padding: readonly number[]): Buffer {
    const frames: Buffer[] = []
    for (let at = 0; at < bytes.length; at += 1427) frames.push(this.#frame(bytes.subarray(at, at + 1427), 0))
    for (const count of padding) frames.push(this.#frame(Buffer.alloc(0), count))
    return Buffer.concat(frames)
  }

  #frame(payload: Buffer, padding: number): Buffer {
    const packet = Buffer.concat([
      Buffer.from([0, payload.length >> 8, payload.length]),
      payload,
      Buffer.alloc(padding),
    ])
    const frame = Buffer.alloc(18 + packet.length)
    this.#counter += 1n
    this.#nonce.writeBigUInt64BE(this.#counter, 16)
    sodium.crypto_secretbox_easy(frame.subarray(2), packet, this.#nonce, this.#key)
    this.#masks.advance()
    frame.writeUInt16BE((16 + packet.length) ^ (this.#masks.first >>> 16))
    return frame
  }
}
