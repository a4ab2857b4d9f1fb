import { randomBytes, randomFillSync } from 'node:crypto'
import { systemPlatform } from '../src/platform/index.ts'
import { generateUniformDhKeyPair, uniformDhSecret } from '../src/crypto/uniform-dh.ts'
import { createFrameDecoder, createFrameEncoder } from '../src/transports/obfs4/framing.ts'
import { PacketDecoder } from '../src/transports/scramblesuit/packet-decoder.ts'
import { PacketEncoder } from '../src/transports/scramblesuit/packet-encoder.ts'
import { ServerCodec } from '../src/transports/scramblesuit/server-codec.ts'
import type { SessionTicket } from '../src/transports/scramblesuit/ticket-store.ts'
import type { Random } from '../src/util/random.ts'
import { perform, wireOf } from '../test/support/codec-steps.ts'
import { createTestBridge, createTestClient } from '../test/support/scramblesuit-bridge.ts'
import { type Floor, formatFigure, printTable } from './pair.ts'

const RANDOM: Random = { fill: (target) => randomFillSync(target) }
/** What else runs on the machine hits the best round least. */
const ROUND_COUNT = 25
const SET_UPS_PER_ROUND = 20
const READ_LENGTHS = [65_536, 1400, 100]
const ENCODED_LENGTH = 2 ** 20

/** Measures what UniformDH costs, set-ups by it and by a ticket with both sides in this process, and packets beside obfs4's frames; prints tables. */
export async function benchScrambleSuit(): Promise<readonly Floor[]> {
  const own = generateUniformDhKeyPair(RANDOM)
  const peer = generateUniformDhKeyPair(RANDOM)
  const rows = [
    ['UniformDH: a key pair', await shortestMs(() => void generateUniformDhKeyPair(RANDOM))],
    ['UniformDH: a secret', await shortestMs(() => void uniformDhSecret(own.privateKey, peer.publicValue))],
    ['set-up by UniformDH, two key pairs and two secrets included', await shortestMs(createSetUp(false))],
    ['set-up by a ticket', await shortestMs(createSetUp(true))],
  ] as const
  printTable(`ScrambleSuit set-ups, both sides in this process (the best of ${ROUND_COUNT} rounds)`, [
    ['', 'ms'],
    ...rows.map(([name, ms]) => [name, ms.toFixed(3)]),
  ])
  printTable('ScrambleSuit packets, MB/s of application bytes (ratio to the frames of obfs4)', [
    ['', 'encode', 'ratio', 'decode', 'ratio'],
    ...READ_LENGTHS.map(packetRow),
  ])
  return []
}

async function shortestMs(run: () => void | Promise<void>): Promise<number> {
  const times: number[] = []
  for (let round = 0; round <= ROUND_COUNT; round++) {
    const startedAt = performance.now()
    for (let count = 0; count < SET_UPS_PER_ROUND; count++) await run()
    // The first is a warm-up.
    if (round > 0) times.push((performance.now() - startedAt) / SET_UPS_PER_ROUND)
  }
  return Math.min(...times)
}

/** Makes a function that opens one client and server up to the client's next ticket; the first is by UniformDH. */
function createSetUp(byTicket: boolean): () => Promise<void> {
  const test = createTestBridge()
  const takeKeyPair = () => generateUniformDhKeyPair(RANDOM)
  const bridge = { ...test, random: test.random, clock: test.clock, takeKeyPair }
  let ticket: SessionTicket | undefined
  return async () => {
    const { codec, tickets } = createTestClient(bridge, { ticket: byTicket ? ticket : undefined, takeKeyPair })
    const server = new ServerCodec(bridge)
    server.start()
    const hello = wireOf(await perform(codec, codec.start()))
    const answered = await perform(server, server.receive(hello))
    codec.receive(wireOf(answered))
    if (tickets.length === 0) codec.receive(wireOf(server.wake()))
    ticket = tickets[0]
    if (ticket === undefined) throw new Error('no ticket came')
  }
}

interface Framing {
  encoder(): { encode(chunks: readonly Uint8Array[]): Buffer }
  decoder(): { decode(bytes: Uint8Array): { readonly data: Buffer | undefined } }
}

function packetRow(length: number): string[] {
  const key = randomBytes(72)
  const framings: readonly Framing[] = [
    { encoder: () => new PacketEncoder(key), decoder: () => new PacketDecoder(key) },
    { encoder: () => createFrameEncoder(key), decoder: () => createFrameDecoder(key, systemPlatform.random) },
  ]
  const times = framings.map((): { encode: number[]; decode: number[] } => ({ encode: [], decode: [] }))
  for (let round = 0; round < ROUND_COUNT; round++) {
    for (const [index, framing] of framings.entries()) {
      const { encodeMs, decodeMs } = measure(framing, length)
      times[index]!.encode.push(encodeMs)
      times[index]!.decode.push(decodeMs)
    }
  }
  const rate = (ms: readonly number[]): number => ENCODED_LENGTH / 1000 / Math.min(...ms)
  const cells = (['encode', 'decode'] as const).flatMap((direction) => {
    const [ours, obfs4] = times.map((each) => rate(each[direction])) as [number, number]
    return [formatFigure(ours), formatFigure(ours / obfs4)]
  })
  return [`reads of ${length.toLocaleString('en')} bytes`, ...cells]
}

function measure(framing: Framing, length: number): { encodeMs: number; decodeMs: number } {
  const chunks = [randomBytes(length)]
  const sealing = framing.encoder()
  const opening = framing.decoder()
  let startedAt = performance.now()
  const reads = Array.from({ length: Math.ceil(ENCODED_LENGTH / length) }, () => sealing.encode(chunks))
  const encodeMs = performance.now() - startedAt
  startedAt = performance.now()
  for (const read of reads) if (opening.decode(read).data?.length !== length) throw new Error('a read did not open')
  return { encodeMs, decodeMs: performance.now() - startedAt }
}
