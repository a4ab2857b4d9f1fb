import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatPluginOptions, parsePluginOptions } from '../../../src/ipc/sip003-options.ts'

function parse(text: string): Record<string, string> {
  const parsed = parsePluginOptions(text)
  assert.ok('options' in parsed, JSON.stringify(parsed))
  return Object.fromEntries(parsed.options)
}

for (const [text, expected] of [
  ['', {}],
  ['server', { server: '1' }],
  ['server;transport=obfs4;iat-mode=0', { server: '1', transport: 'obfs4', 'iat-mode': '0' }],
  ['a=b;', { a: 'b' }],
  [';;a=b;;c', { a: 'b', c: '1' }],
  ['a=', { a: '' }],
  ['cert=abc==', { cert: 'abc==' }],
  ['url=https://[::1]/?a=b&c=d', { url: 'https://[::1]/?a=b&c=d' }],
  [String.raw`path=/x\;y;flag`, { path: '/x;y', flag: '1' }],
  [String.raw`a\=b=c\=d\\e`, { 'a=b': String.raw`c=d\e` }],
  [String.raw`a=\x\y`, { a: 'xy' }],
  [String.raw`a=b\\;c`, { a: 'b\\', c: '1' }],
] as const)
  test(`reads the plugin options "${text}"`, () => {
    assert.deepEqual(parse(text), expected)
  })

for (const text of ['=b', 'a=b;=c', 'a=b\\', 'a\\', '\\', '='])
  test(`refuses the plugin options "${text}" for their form`, () => {
    const parsed = parsePluginOptions(text)
    assert.ok('problem' in parsed)
    assert.match(parsed.problem, /^must have the form name=value;name;/)
  })

for (const text of ['secret=1;secret=2', 'secret;secret=1', String.raw`secret;s\ecret`])
  test(`refuses an option that is given twice in "${text}", and names it`, () => {
    assert.deepEqual(parsePluginOptions(text), { problem: 'must not have "secret" twice' })
  })

test('takes no name for the prototype of anything', () => {
  const parsed = parsePluginOptions('__proto__=x;constructor')
  assert.ok('options' in parsed)
  assert.deepEqual([...parsed.options.keys()], ['__proto__', 'constructor'])
})

test('prints options in their order, with every sign of the grammar escaped', () => {
  const options = { transport: 'obfs4', 'a;b': String.raw`c=d\e;` }
  assert.equal(formatPluginOptions(options), String.raw`transport=obfs4;a\;b=c\=d\\e\;`)
  assert.equal(formatPluginOptions({}), '')
})

for (const options of [{ '': 'a' }, { a: 'b\nc' }, { 'a\0': 'b' }])
  test(`prints nothing that a line cannot hold: ${JSON.stringify(options)}`, () => {
    assert.throws(() => formatPluginOptions(options), RangeError)
  })
