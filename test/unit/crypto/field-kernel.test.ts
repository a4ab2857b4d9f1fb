import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ed25519 } from '@noble/curves/ed25519.js'
import { type Elligator2, referenceElligator2 } from '../../../src/crypto/elligator2-reference.ts'
import { fieldKernel } from '../../../src/crypto/field-kernel.ts'
import { randomBytes } from '../../../src/util/random.ts'
import { countingRandom } from './counting-random.ts'
import { hex } from './vectors.ts'

interface Wasm {
  Instance: new (module: object) => { readonly exports: { readonly memory: { readonly buffer: ArrayBuffer } } }
}
const { WebAssembly: wasm } = globalThis as unknown as { WebAssembly: Wasm }
const { Instance } = wasm
let memory: { readonly buffer: ArrayBuffer } = { buffer: new ArrayBuffer(0) }
// The kernel is made at the first call, so that its memory can be caught here.
wasm.Instance = class extends Instance {
  constructor(module: object) {
    super(module)
    memory = this.exports.memory
  }
}
const kernel = fieldKernel()!
wasm.Instance = Instance
const fresh = Buffer.from(memory.buffer.slice(0))
const P = 2n ** 255n - 19n

for (const [name, implementation] of [
  ['the field kernel', kernel],
  ['the reference', referenceElligator2],
] as const satisfies readonly (readonly [string, Elligator2])[]) {
  // Samples of Monocypher's vectors elligator_dir and elligator_inv.
  describe(`${name} passes Monocypher's samples`, () => {
    const point = hex('46951964003c940878063ccfd0348af42150ca16d2646f2c5856e8338377d800')

    test('decodes', () => {
      const representative = hex('d3c41ec20dbe9fc33ccc14823d898066f433a892994ffbcc921e9f5ace519d02')
      const expected = '170a436471aaa00d817436197fde47fa3320aa040b48d1d2a9f155e15ce3975e'
      assert.equal(implementation.representativeToPublicKey(representative).toString('hex'), expected)
    })

    for (const [tweak, expected] of [
      [0x00, '2820b6b241e0f68a6c4a7fee3d978228ef3ae45533cd410aa91a415331d8612d'],
      [0x01, '3cfb87c46c0b4575ca8175e0ed1c0ae9dae79db78df86997c4847b9f20b27718'],
      [0x3e, '2820b6b241e0f68a6c4a7fee3d978228ef3ae45533cd410aa91a415331d8612d'],
      [0xc0, '2820b6b241e0f68a6c4a7fee3d978228ef3ae45533cd410aa91a415331d861ed'],
      [0x41, '3cfb87c46c0b4575ca8175e0ed1c0ae9dae79db78df86997c4847b9f20b27758'],
    ] as const) {
      test(`encodes with tweak ${tweak}`, () => {
        assert.equal(implementation.publicKeyToRepresentative(point, tweak)?.toString('hex'), expected)
      })
    }

    test('knows a point without a representative', () => {
      const unrepresentable = hex('e6f66fdf6e230c603c5e6e59a254ea1476a13eb9511b9549846781e12e52230a')
      assert.equal(implementation.publicKeyToRepresentative(unrepresentable, 0), undefined)
    })
  })
}

// Around the ends of the field and of each limb, where a carry could go astray; and A.
const limbEdges = [26n, 51n, 77n, 102n, 128n, 153n, 179n, 204n, 230n, 254n].flatMap((width) => [
  2n ** width - 1n,
  2n ** width,
  P - 2n ** width,
])
const edges = limbEdges.concat(
  [0n, 1n, 2n, P - 2n, P - 1n, P, P + 1n, P + 2n, 2n ** 255n - 1n],
  [(P - 1n) / 2n, (P + 1n) / 2n, 486662n, P - 486662n],
)

test('the field kernel equals the reference on edge values, each with its negative', () => {
  for (const value of edges.flatMap((edge) => [edge, (2n * P - edge) % P])) assertEqualOn(toBytes(value), 0x41)
})

test('the field kernel equals the reference on 2,000 random values both ways', () => {
  const random = countingRandom(4)
  for (let count = 0; count < 2000; count++) assertEqualOn(randomBytes(random, 32), count & 0xff)
})

test('a representative and its negative decode alike, and encode to the lesser', () => {
  const random = countingRandom(5)
  for (let count = 0; count < 200; count++) {
    const bytes = randomBytes(random, 32)
    bytes[31]! &= 0x3f
    const value = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
    const publicKey = kernel.representativeToPublicKey(bytes)
    const lesser = toBytes(value <= (P - 1n) / 2n ? value : P - value)
    const both = [0, 1].map((tweak) => kernel.publicKeyToRepresentative(publicKey, tweak)?.toString('hex'))
    assert.ok(both.includes(lesser.toString('hex')))
    assert.notEqual(both[0], both[1])
  }
})

test('the field kernel equals the reference on the sums of Edwards points with all points of low order', () => {
  const random = countingRandom(6)
  for (let count = 0; count < 400; count++) {
    const point = ed25519.getPublicKey(randomBytes(random, 32))
    const [index, tweak] = [count & 7, count & 0xff]
    const expected = referenceElligator2.edwardsToRepresentative(point, index, tweak)
    assert.deepEqual(kernel.edwardsToRepresentative(point, index, tweak), expected)
  }
})

test('the field kernel leaves nothing in its memory', () => {
  const random = countingRandom(7)
  for (let count = 0; count < 8; count++) {
    const bytes = randomBytes(random, 32)
    kernel.edwardsToRepresentative(ed25519.getPublicKey(bytes), count, 1)
    kernel.publicKeyToRepresentative(bytes, 1)
    kernel.representativeToPublicKey(bytes)
  }
  assert.ok(fresh.length > 0)
  assert.deepEqual(Buffer.from(memory.buffer), fresh)
})

test('the field kernel refuses other lengths than 32 bytes', () => {
  assert.throws(() => kernel.representativeToPublicKey(Buffer.alloc(33)), RangeError)
})

test('the field kernel is made once', () => {
  assert.equal(fieldKernel(), kernel)
})

function assertEqualOn(bytes: Buffer, tweak: number): void {
  const publicKey = kernel.representativeToPublicKey(bytes)
  assert.deepEqual(publicKey, referenceElligator2.representativeToPublicKey(bytes))
  for (const point of [bytes, publicKey]) {
    const expected = referenceElligator2.publicKeyToRepresentative(point, tweak)
    assert.deepEqual(kernel.publicKeyToRepresentative(point, tweak), expected)
  }
}

function toBytes(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse()
}
