import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseLogLine, parseStatusLine } from '../../../src/ipc/parse-log-line.ts'

const LOGS: readonly (readonly [rest: string, severity: string, message: string])[] = [
  ['SEVERITY=debug MESSAGE="hello"', 'debug', 'hello'],
  ['MESSAGE="any order" SEVERITY=error', 'error', 'any order'],
  ['SEVERITY=Notice MESSAGE=bare', 'notice', 'bare'],
  ['SEVERITY="info" MESSAGE=""', 'info', ''],
  [String.raw`SEVERITY=info MESSAGE="a \"b\" \\ c\nd\te\r"`, 'info', 'a "b" \\ c\nd\te\r'],
  [String.raw`SEVERITY=info MESSAGE="\303\251t\303\251 \0 \1234"`, 'info', 'été \0 S4'],
  [String.raw`SEVERITY=info MESSAGE="\xc3\xa9 \x4 \q"`, 'info', 'é x4 q'],
  [String.raw`SEVERITY=info MESSAGE="\\303"`, 'info', String.raw`\303`],
  [String.raw`SEVERITY=info MESSAGE="\377"`, 'info', '\ufffd'],
  ['SEVERITY=info MESSAGE="é €"', 'info', 'é €'],
  ['WARN disk is full', 'warning', 'disk is full'],
  ['ERROR', 'error', ''],
  ['INFO key=value "and more', 'info', 'key=value "and more'],
]

for (const [rest, severity, message] of LOGS)
  test(`reads LOG ${rest}`, () => {
    assert.deepEqual(parseLogLine(rest), { severity, message })
  })

for (const rest of [
  '',
  'SEVERITY=info',
  'MESSAGE="x"',
  'SEVERITY=info MESSAGE="unclosed',
  'SEVERITY=info MESSAGE="x"y',
  'SEVERITY=loud MESSAGE="x"',
  'SEVERITY=info SEVERITY=info MESSAGE="x"',
  'SEVERITY=constructor MESSAGE="x"',
  'loud text',
  'toString text',
])
  test(`cannot read LOG ${rest}`, () => {
    assert.equal(parseLogLine(rest), undefined)
  })

test('reads the pairs of STATUS, quoted or not', () => {
  assert.deepEqual(parseStatusLine(String.raw`TRANSPORT=obfs4 ADDRESS="198.51.100.1:443" ERR="no\nway"  X=`), {
    TRANSPORT: 'obfs4',
    ADDRESS: '198.51.100.1:443',
    ERR: 'no\nway',
    X: '',
  })
})

for (const rest of ['', 'word', 'A=1 word', 'A=1 A=2', 'A="1', '=1'])
  test(`cannot read STATUS ${rest}`, () => {
    assert.equal(parseStatusLine(rest), undefined)
  })
