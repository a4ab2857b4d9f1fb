import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTransportOptions } from '../../../src/ipc/transport-options.ts'

const WANTED = new Set(['obfs4', 'automata'])

function byTransport(text: string): unknown {
  const parsed = parseTransportOptions(text, WANTED)
  assert.ok('byTransport' in parsed, JSON.stringify(parsed))
  return Object.fromEntries(parsed.byTransport)
}

for (const [text, expected] of [
  ['automata:rule=110;obfs4:a=b;automata:depth=3', { automata: { rule: '110', depth: '3' }, obfs4: { a: 'b' } }],
  [String.raw`obfs4:a=b\:c\;d\\e\=f`, { obfs4: { a: String.raw`b:c;d\e=f` } }],
  ['obfs4:cert=abc==', { obfs4: { cert: 'abc==' } }],
  ['obfs4:url=https://[::1]/', { obfs4: { url: 'https://[::1]/' } }],
  [String.raw`obfs4:a\=b=c`, { obfs4: { 'a=b': 'c' } }],
  ['obfs4:a=', { obfs4: { a: '' } }],
  ['meek:a=b;meek:a=c;obfs4:a=b', { obfs4: { a: 'b' } }],
  [
    '{"obfs4": {"a": "b", "n": 1, "t": true, "none": null, "list": [1]}, "meek": {"a": "b"}}',
    { obfs4: { a: 'b', n: '1', t: 'true', list: '[1]' } },
  ],
  ['foo:bar;obfs4:a=b;meek:;meek:=c', { obfs4: { a: 'b' } }],
  ['{"obfs4": {"a": "b"}, "foo": "bar"}', { obfs4: { a: 'b' } }],
  [' \n{"transport": "obfs4", "a": "b"}', { obfs4: { a: 'b' } }],
  ['{"transport": "meek", "a": "b"}', {}],
  ['{}', {}],
] as const)
  test(`reads ${text}`, () => {
    assert.deepEqual(byTransport(text), expected)
  })

for (const [text, expected] of [
  ['obfs4:a;automata:a=b', ['obfs4']],
  ['obfs4:;automata:a=b', ['obfs4']],
  ['automata:a=b;obfs4:=b;obfs4:c=d', ['obfs4']],
  ['obfs4:a=b;obfs4:a=c;automata:a=b', ['obfs4']],
  ['{"obfs4": "c", "automata": {"a": "b"}}', ['obfs4']],
  ['{"obfs4": ["c"], "automata": 1, "foo": "bar"}', ['obfs4', 'automata']],
] as const)
  test(`tells whose options in ${text} will not do, and reads those of others`, () => {
    const parsed = parseTransportOptions(text, WANTED)
    assert.ok('problems' in parsed)
    assert.deepEqual([...parsed.problems.keys()], expected)
    const isSpared = !parsed.problems.has('automata')
    assert.deepEqual(parsed.byTransport.get('automata'), isSpared ? { a: 'b' } : undefined)
  })

test('keeps flat JSON for the one transport', () => {
  assert.deepEqual(parseTransportOptions('{"cert": "x", "deep": {"a": 1}}', WANTED), {
    forTheOne: { cert: 'x', deep: '{"a":1}' },
  })
})

test('takes no name for the prototype of anything', () => {
  const parsed = parseTransportOptions('{"__proto__": "x", "a": "b"}', WANTED)
  assert.ok('forTheOne' in parsed)
  assert.deepEqual(Object.keys(parsed.forTheOne), ['__proto__', 'a'])
  assert.equal(Object.getPrototypeOf(parsed.forTheOne), Object.prototype)
})

for (const text of [
  'obfs4',
  ':a=b',
  'obfs4:a=b;',
  String.raw`obfs4:a=b\ `.trim(),
  'foo;obfs4:a=b',
  '{"a": ',
  '{"a": 1} b',
])
  test(`refuses ${text} without repeating it`, () => {
    const parsed = parseTransportOptions(text, WANTED)
    assert.ok('problem' in parsed)
    assert.ok(!parsed.problem.includes(text))
  })
