import assert from 'node:assert/strict'
import { test } from 'node:test'
import { salsa20 } from '@noble/ciphers/salsa.js'
import { openSecretbox, sealSecretbox, secretboxSubkey } from '../../../src/crypto/secretbox.ts'
import { hex } from './vectors.ts'

// "Cryptography in NaCl" (Bernstein), sections 8 and 10: firstkey, nonce, subkey, message and box.
const KEY = hex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389')
const NONCE = hex('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37')
const SUBKEY = 'dc908dda0b9344a953629b733820778880f3ceb421bb61b91cbd4c3e66256ce4'
const MESSAGE = hex(
  'be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c61296cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705',
)
const TAG = 'f3ffc7703f9400e52a7dfb4b3d3305d9'

test("seals and opens NaCl's message", () => {
  const box = sealSecretbox(KEY, NONCE, MESSAGE)
  assert.equal(Buffer.from(box.subarray(0, 16)).toString('hex'), TAG)
  assert.equal(box.length, MESSAGE.length + 16)
  assert.deepEqual(Buffer.from(openSecretbox(KEY, NONCE, box)!), MESSAGE)
})

test('opens no box with a flipped bit, nor one shorter than a tag', () => {
  const box = sealSecretbox(KEY, NONCE, MESSAGE)
  for (const at of [0, 15, 16, box.length - 1]) {
    const flipped = Uint8Array.from(box)
    flipped[at]! ^= 0x80
    assert.equal(openSecretbox(KEY, NONCE, flipped), undefined)
  }
  assert.equal(openSecretbox(KEY, NONCE, new Uint8Array(15)), undefined)
})

test("derives NaCl's subkey, with which Salsa20 goes on", () => {
  const subkey = secretboxSubkey(KEY, NONCE.subarray(0, 16))
  assert.equal(Buffer.from(subkey).toString('hex'), SUBKEY)
  const stream = salsa20(subkey, NONCE.subarray(16), new Uint8Array(32 + MESSAGE.length))
  const cipher = sealSecretbox(KEY, NONCE, MESSAGE).subarray(16)
  const expected = MESSAGE.map((byte, i) => byte ^ stream[32 + i]!)
  assert.equal(Buffer.from(cipher).toString('hex'), Buffer.from(expected).toString('hex'))
})

test('refuses keys, nonces and prefixes of other lengths', () => {
  assert.throws(() => sealSecretbox(KEY.subarray(1), NONCE, MESSAGE), RangeError)
  assert.throws(() => openSecretbox(KEY, NONCE.subarray(1), MESSAGE), RangeError)
  assert.throws(() => secretboxSubkey(KEY, NONCE), RangeError)
})
