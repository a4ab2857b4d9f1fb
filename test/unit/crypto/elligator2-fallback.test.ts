import assert from 'node:assert/strict'
import { test } from 'node:test'
import { elligatorKeyPairFromSeed, representativeToPublicKey } from '../../../src/crypto/elligator2.ts'
import { fieldKernel } from '../../../src/crypto/field-kernel.ts'
import { hex, vectors } from './vectors.ts'

// Here, in a process of its own, nothing compiles: the kernel is first asked for below.
const wasm = (globalThis as unknown as { WebAssembly: { Module: unknown } }).WebAssembly
wasm.Module = function forbidden(): never {
  throw new Error('compiling is forbidden')
}

test('has no field kernel where WebAssembly may not compile', () => {
  assert.equal(fieldKernel(), undefined)
})

test('makes and decodes the key pairs of the vectors all the same', () => {
  for (const vector of [vectors.client, vectors.server]) {
    const pair = elligatorKeyPairFromSeed(hex(vector.seed32))
    assert.equal(pair?.privateKey.toString('hex'), vector.private)
    assert.equal(pair?.publicKey.toString('hex'), vector.public)
    assert.equal(pair?.representative.toString('hex'), vector.representative)
    assert.equal(representativeToPublicKey(hex(vector.representative)).toString('hex'), vector.public)
  }
})
