import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { type FrameKernel, frameKernel } from '../../../src/crypto/frame-kernel.ts'
import { secretboxSubkey } from '../../../src/crypto/secretbox.ts'
import { hex } from './vectors.ts'

const kernel = frameKernel() as FrameKernel
const P = 2n ** 130n - 5n
const R_MASK = 0x0ffffffc0ffffffc0ffffffc0fffffffn

test('is one instance', () => {
  assert.ok(kernel !== undefined)
  assert.equal(frameKernel(), kernel)
})

/** RFC 8439, appendix A.3: vectors 1, 3 (r = 0 is 2) and 7 to 11, and section 2.5.2. */
const POLY1305_VECTORS = [
  ['00'.repeat(32), '00'.repeat(64), '00'.repeat(16)],
  [
    '85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b',
    Buffer.from('Cryptographic Forum Research Group').toString('hex'),
    'a8061dc1305136c6c22b8baf0c0127a9',
  ],
  [`02${'00'.repeat(31)}`, 'ff'.repeat(16), `03${'00'.repeat(15)}`],
  [`02${'00'.repeat(15)}${'ff'.repeat(16)}`, `02${'00'.repeat(15)}`, `03${'00'.repeat(15)}`],
  [`01${'00'.repeat(31)}`, `${'ff'.repeat(16)}f0${'ff'.repeat(15)}11${'00'.repeat(15)}`, `05${'00'.repeat(15)}`],
  [`01${'00'.repeat(31)}`, `${'ff'.repeat(16)}fb${'fe'.repeat(15)}${'01'.repeat(16)}`, '00'.repeat(16)],
  [`02${'00'.repeat(31)}`, `fd${'ff'.repeat(15)}`, `fa${'ff'.repeat(15)}`],
  [
    `0100000000000000040000000000000000000000000000000000000000000000`,
    'e33594d7505e43b900000000000000003394d7505e4379cd01000000000000000000000000000000000000000000000001000000000000000000000000000000',
    '14000000000000005500000000000000',
  ],
  [
    `0100000000000000040000000000000000000000000000000000000000000000`,
    'e33594d7505e43b900000000000000003394d7505e4379cd010000000000000000000000000000000000000000000000',
    '13000000000000000000000000000000',
  ],
] as const

for (const [index, [key, message, tag]] of POLY1305_VECTORS.entries()) {
  test(`computes the Poly1305 tag of RFC 8439's vector ${index + 1}`, () => {
    assert.equal(authenticate(hex(key), hex(message)).toString('hex'), tag)
  })
}

test('computes Poly1305 as big integers do, for extreme keys, blocks and every length to 100', () => {
  const extremes = [
    Buffer.alloc(16, 0xff),
    Buffer.alloc(16),
    Buffer.from(`fb${'ff'.repeat(15)}`, 'hex'),
    randomBytes(16),
  ]
  for (const r of extremes) {
    for (const s of extremes) {
      for (const block of extremes) {
        for (let length = 0; length <= 100; length++) {
          const message = Buffer.alloc(length, block)
          const key = Buffer.concat([r, s])
          assert.deepEqual(
            authenticate(key, message),
            poly1305(key, message),
            key.toString('hex') + message.toString('hex'),
          )
        }
      }
    }
  }
})

test('computes Poly1305 for accumulators that end close to the prime', () => {
  // With r = 1 the accumulator is the sum of the blocks with their end marks: choose the last so that it ends at p + difference.
  const key = Buffer.concat([littleEndian(1n), Buffer.alloc(16)])
  const blocks = [2n ** 127n, 2n ** 126n]
  for (let difference = -6n; difference <= 6n; difference++) {
    const last = P + difference - blocks[0]! - blocks[1]! - 3n * 2n ** 128n
    const message = Buffer.concat([...blocks, last].map(littleEndian))
    assert.deepEqual(authenticate(key, message), littleEndian(((P + difference) % P) % 2n ** 128n))
  }
})

test('leaves no secret behind in its memory', () => {
  const subkey = secretboxSubkey(randomBytes(32), randomBytes(16))
  const payload = randomBytes(3000)
  kernel.state.set(subkey)
  kernel.state.set(randomBytes(24), 32)
  kernel.initialize(16)
  const opening = Uint8Array.from(kernel.state)
  kernel.memory.set(payload, kernel.input)
  const end = kernel.seal(payload.length, 0)
  const wire = Buffer.from(kernel.memory.subarray(kernel.output, kernel.output + end))
  kernel.state.fill(0)
  assertAbsent([subkey, payload.subarray(0, 16), payload.subarray(-16)])
  kernel.state.set(opening)
  kernel.memory.set(wire, kernel.input)
  kernel.open(end)
  kernel.state.fill(0)
  assertAbsent([subkey])
  assert.deepEqual(Buffer.from(kernel.memory.subarray(kernel.output, kernel.output + kernel.produced)), payload)
  // Up to the input everything but the results of `open` is zero: state, key stream, MAC.
  const nonZero = [...kernel.memory.subarray(0, 160), ...kernel.memory.subarray(216, 1020)].filter((byte) => byte !== 0)
  assert.deepEqual(nonZero, [])
})

function assertAbsent(secrets: readonly Uint8Array[]): void {
  const memory = Buffer.from(kernel.memory.buffer)
  for (const secret of secrets) assert.equal(memory.indexOf(secret), -1)
}

function authenticate(key: Buffer, message: Buffer): Buffer {
  kernel.state.set(key)
  kernel.memory.set(message, kernel.input)
  // What lies behind the message must not count.
  kernel.memory.fill(0xa5, kernel.input + message.length, kernel.input + message.length + 32)
  kernel.authenticate(message.length)
  kernel.state.fill(0)
  return Buffer.from(kernel.memory.subarray(kernel.output, kernel.output + 16))
}

/** Poly1305 by its definition. */
function poly1305(key: Buffer, message: Buffer): Buffer {
  const r = number(key.subarray(0, 16)) & R_MASK
  let sum = 0n
  for (let at = 0; at < message.length; at += 16) {
    const block = message.subarray(at, at + 16)
    sum = ((sum + number(block) + (1n << BigInt(8 * block.length))) * r) % P
  }
  return littleEndian((sum + number(key.subarray(16))) % 2n ** 128n)
}

function number(bytes: Buffer): bigint {
  return BigInt(`0x0${Buffer.from(bytes).reverse().toString('hex')}`)
}

function littleEndian(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(32, '0'), 'hex').reverse()
}
