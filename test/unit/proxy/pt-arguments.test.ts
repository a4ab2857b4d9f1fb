import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { formatPairs, parsePairs, parsePairsBytes, parseParameters } from '../../../src/proxy/pt-arguments.ts'

test('parses pairs', () => {
  assert.deepEqual(parsePairs('cert=abc;iat-mode=0'), { cert: 'abc', 'iat-mode': '0' })
  assert.deepEqual(parsePairs('k='), { k: '' })
  assert.deepEqual(parsePairs(''), {})
})

test('takes a backslash for the sign that the next character is itself', () => {
  assert.deepEqual(parsePairs('a\\;b\\==c\\\\;d=\\x\\\n'), { 'a;b=': 'c\\', d: 'x\n' })
})

test('takes a raw = in a value', () => {
  assert.deepEqual(parsePairs('cert=YWI=;k=a=b'), { cert: 'YWI=', k: 'a=b' })
})

test('takes the first value of a key given twice', () => {
  assert.deepEqual(parsePairs('k=1;k=2'), { k: '1' })
})

test('refuses what does not parse', () => {
  for (const text of ['k', '=v', 'k=v;', ';k=v', 'k=v;;l=w', 'k=v\\', '\\', 'k\\=v', 'k=v;l']) {
    assert.equal(parsePairs(text), undefined, text)
  }
})

test('keeps names of object properties as names', () => {
  const args = parsePairs('__proto__=x;constructor=y')
  assert.deepEqual(Object.entries(args ?? {}), [
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ])
})

test('refuses bytes that are not UTF-8', () => {
  assert.deepEqual(parsePairsBytes(Buffer.from('k=é')), { k: 'é' })
  assert.equal(parsePairsBytes(Buffer.from([0x6b, 0x3d, 0xff])), undefined)
})

test('reads back any arguments that it formatted', () => {
  const name = fc.string({ unit: fc.constantFrom('a', '\\', ';', '=', 'é', '\n'), minLength: 1 })
  fc.assert(
    fc.property(fc.dictionary(name, fc.string()), (args) => {
      assert.deepEqual({ ...parsePairs(formatPairs(args)) }, { ...args })
    }),
  )
  assert.throws(() => formatPairs({ '': 'v' }), RangeError)
})

test('survives any text without a slow match', () => {
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('\\', ';', '=', 'a') }), (text) => void parsePairs(text)))
  assert.equal(parsePairs('\\a'.repeat(30_000)), undefined)
})

test('takes texts, numbers and truth values of a JSON object', () => {
  const json = Buffer.from('{"cert":"abc","iat-mode":0,"on":true}')
  assert.deepEqual(parseParameters(json), { cert: 'abc', 'iat-mode': '0', on: 'true' })
  assert.deepEqual(parseParameters(Buffer.from(' {} ')), {})
})

test('answers 0x12 to what is not JSON and 0x13 to JSON without parameters', () => {
  for (const text of ['', '{', '{"a":1,}', "{'a':1}", 'k=v'])
    assert.equal(parseParameters(Buffer.from(text)), 0x12, text)
  assert.equal(parseParameters(Buffer.from([0x22, 0xff, 0x22])), 0x12)
  for (const text of ['1', 'null', '"a"', '[]', '{"a":null}', '{"a":{}}', '{"a":[1]}']) {
    assert.equal(parseParameters(Buffer.from(text)), 0x13, text)
  }
})
