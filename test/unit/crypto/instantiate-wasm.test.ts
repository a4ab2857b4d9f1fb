import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instantiateWasm } from '../../../src/crypto/instantiate-wasm.ts'

// (module (func (export "answer") (result i32) i32.const 42))
const ANSWER = 'AGFzbQEAAAABBQFgAAF/AwIBAAcKAQZhbnN3ZXIAAAoGAQQAQSoL'

test('instantiates a module at once', () => {
  const { answer } = instantiateWasm(ANSWER) as { answer: () => number }
  assert.equal(answer(), 42)
})

test('returns nothing for a module that the platform does not understand', () => {
  const future = Buffer.from(ANSWER, 'base64')
  future[4] = 9
  assert.equal(instantiateWasm(future.toString('base64')), undefined)
})

test('returns nothing where WebAssembly is missing', () => {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, 'WebAssembly')!
  Reflect.deleteProperty(globalThis, 'WebAssembly')
  try {
    assert.equal(instantiateWasm(ANSWER), undefined)
  } finally {
    Object.defineProperty(globalThis, 'WebAssembly', descriptor)
  }
})
