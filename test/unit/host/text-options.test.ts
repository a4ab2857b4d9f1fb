import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TextOptions } from '../../../src/host/text-options.ts'

const options = new TextOptions('any')

test('takes every name, and numbers and truth values as text', () => {
  const parsed = options.parse({ cert: 'a=;\\b', 'iat-mode': 1, fast: true, absent: undefined })
  assert.deepEqual({ ...parsed }, { cert: 'a=;\\b', 'iat-mode': '1', fast: 'true' })
  assert.ok(Object.isFrozen(parsed))
  assert.deepEqual({ ...options.complete(parsed) }, { ...parsed })
  assert.deepEqual(options.definitions, {})
})

test('lets what a connection gives win', () => {
  const merged = options.merge(options.parse({ a: '1', b: '2' }), options.parseArguments({ b: '3', c: '4' }))
  assert.deepEqual({ ...merged }, { a: '1', b: '3', c: '4' })
})

for (const [title, input] of [
  ['no object', 'cert=a'],
  ['a list', ['cert']],
  ['null', null],
  ['an object as a value', { cert: {} }],
  ['null as a value', { cert: null }],
  ['a function as a value', { cert: () => 'x' }],
  ['a NUL in a value', { cert: 'a\0' }],
  ['a NUL in a name', { 'a\0': 'x' }],
  ['an empty name', { '': 'x' }],
] as const) {
  test(`refuses ${title}`, () => {
    assert.throws(() => options.parse(input), { code: 'PT_OPTION_INVALID' })
  })
}
