import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { openSecretbox, sealSecretbox } from '../src/crypto/secretbox.ts'
import { createFrameDecoder, createFrameEncoder } from '../src/transports/obfs4/framing.ts'
import type { Random } from '../src/util/random.ts'

/** What we use of sodium-native, which has no types. */
interface Sodium {
  crypto_secretbox_easy(box: Buffer, message: Buffer, nonce: Buffer, key: Buffer): void
  crypto_secretbox_open_easy(message: Buffer, box: Buffer, nonce: Buffer, key: Buffer): boolean
}

/** One row of the table; rates are in MB/s of application bytes. */
export interface CodecRow {
  readonly what: string
  readonly direction: 'encode' | 'decode'
  readonly rate: number
  /** `rate` by sodium-native's in the same direction and run. */
  readonly ratio: number
  /** What `ratio` must reach, where it must. */
  readonly floor: number | undefined
}

interface Contender {
  readonly what: string
  readonly direction: 'encode' | 'decode'
  readonly bytes: number
  readonly floor?: number | undefined
  run(): void
}

const READ_LENGTHS = [65_536, 16_384, 1400, 100]
const FLOOR = 0.65
const FLOOR_READ_LENGTH = 65_536
/** A full frame's packet, and the application bytes in it. */
const PACKET_LENGTH = 1430
const PAYLOAD_LENGTH = 1427
const FRAMES_PER_BATCH = 45
/** Short turns, all contenders in each round: what else runs on the machine hits them alike, and the best tenth of the turns hardly at all. */
const ROUND_COUNT = 150
const TURN_NS = 1_500_000
const WARM_UP_NS = 150_000_000
const QUANTILE = 0.9
const SODIUM = 'sodium-native, bare box'

/** Measures encoding and decoding of application reads, copies included, beside bare secretboxes on full frames; prints a table and returns it. */
export function benchCodec(): Promise<readonly CodecRow[]> {
  const contenders = [...boxes(), ...READ_LENGTHS.flatMap(framing)]
  const rates = measure(contenders)
  const rows = contenders.map(({ what, direction, floor }, i): CodecRow => {
    const base = contenders.findIndex((other) => other.what === SODIUM && other.direction === direction)
    return { what, direction, rate: rates[i]!, ratio: rates[i]! / rates[base]!, floor }
  })
  console.log('obfs4 framing, MB/s of application bytes on one core (ratio to sodium-native in the same direction)')
  for (const row of rows) console.log(format(row))
  return Promise.resolve(rows)
}

function format({ what, direction, rate, ratio, floor }: CodecRow): string {
  const columns = `  ${direction}  ${what.padEnd(26)} ${rate.toFixed(0).padStart(5)}  ${ratio.toFixed(2).padStart(5)}`
  return floor === undefined ? columns : `${columns}  floor ${floor}: ${ratio >= floor ? 'reached' : 'MISSED'}`
}

/** Rates in MB/s. */
function measure(contenders: readonly Contender[]): number[] {
  for (const contender of contenders) turn(contender, WARM_UP_NS)
  const samples = contenders.map((): number[] => [])
  for (let round = 0; round < ROUND_COUNT; round++) {
    for (const [i, contender] of contenders.entries()) samples[i]!.push(turn(contender, TURN_NS))
  }
  return samples.map((rates) => rates.sort((a, b) => a - b)[Math.floor(rates.length * QUANTILE)]!)
}

function turn(contender: Contender, lengthNs: number): number {
  const start = process.hrtime.bigint()
  let elapsed = 0
  let bytes = 0
  while (elapsed < lengthNs) {
    contender.run()
    bytes += contender.bytes
    elapsed = Number(process.hrtime.bigint() - start)
  }
  return (bytes / elapsed) * 1000
}

/** Encoding and decoding of reads of one length. A decoder's stream cannot repeat, so each run opens the first frames anew with a fresh decoder. */
function framing(length: number): Contender[] {
  const key = randomBytes(72)
  const encoder = createFrameEncoder(key)
  const chunks = [randomBytes(length)]
  const reads = decoderReads(key, length)
  const what = `reads of ${length.toLocaleString('en')} bytes`
  const floor = length === FLOOR_READ_LENGTH ? FLOOR : undefined
  return [
    { what, direction: 'encode', bytes: length, floor, run: () => void encoder.encode(chunks) },
    { what, direction: 'decode', bytes: length * reads.length, floor, run: () => decodeReads(key, reads, length) },
  ]
}

/** Enough reads that making the decoder (some 10 µs, for the subkey) does not count. */
function decoderReads(key: Buffer, length: number): Buffer[] {
  const encoder = createFrameEncoder(key)
  return Array.from({ length: Math.ceil(2 ** 20 / length) }, () => encoder.encode([randomBytes(length)]))
}

function decodeReads(key: Buffer, reads: readonly Buffer[], length: number): void {
  const decoder = createFrameDecoder(key, RANDOM)
  for (const read of reads) {
    if (decoder.decode(read).data?.length !== length) throw new Error('a frame did not open')
  }
}

const RANDOM: Random = { fill: (target) => (target.set(randomBytes(target.length)), target) }

/** The boxes alone, of full frames, which is what the floors are measured by. */
function boxes(): Contender[] {
  const sodium = createRequire(import.meta.url)('sodium-native') as Sodium
  const key = randomBytes(32)
  const nonce = randomBytes(24)
  const packet = randomBytes(PACKET_LENGTH)
  const box = Buffer.alloc(PACKET_LENGTH + 16)
  sodium.crypto_secretbox_easy(box, packet, nonce, key)
  const sealed = Buffer.alloc(box.length)
  const opened = Buffer.alloc(packet.length)
  return [
    contender(SODIUM, 'encode', () => sodium.crypto_secretbox_easy(sealed, packet, nonce, key)),
    contender(SODIUM, 'decode', () => {
      if (!sodium.crypto_secretbox_open_easy(opened, box, nonce, key)) throw new Error('the box did not open')
    }),
    contender('@noble/ciphers, bare box', 'encode', () => void sealSecretbox(key, nonce, packet)),
    contender('@noble/ciphers, bare box', 'decode', () => void openSecretbox(key, nonce, box)),
  ]
}

function contender(what: string, direction: 'encode' | 'decode', box: () => void): Contender {
  const run = (): void => {
    for (let i = 0; i < FRAMES_PER_BATCH; i++) box()
  }
  return { what, direction, bytes: FRAMES_PER_BATCH * PAYLOAD_LENGTH, run }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await benchCodec()
