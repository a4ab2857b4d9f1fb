import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatLog, formatStatus, formatStatusVersion } from '../../../src/ipc/log-line.ts'
import { type IpcVersion, negotiateVersion } from '../../../src/ipc/version.ts'

const version = (spelling: string): IpcVersion => negotiateVersion(spelling)!

for (const [level, severity] of [
  ['ERROR', 'error'],
  ['WARN', 'warning'],
  ['INFO', 'info'],
  ['DEBUG', 'debug'],
] as const)
  test(`has the severity ${severity} for ${level} in version 1`, () => {
    assert.equal(formatLog(version('1'), 'DEBUG', level, 'a b'), `LOG SEVERITY=${severity} MESSAGE="a b"`)
  })

test('escapes with what every parent reads, and never in octal', () => {
  assert.equal(
    formatLog(version('1'), 'DEBUG', 'INFO', 'a"b\\c\nd\re\tf\x07g\0h ü 💡'),
    String.raw`LOG SEVERITY=info MESSAGE="a\"b\\c\nd\re\tfgh ? ?"`,
  )
})

for (const spelling of ['2.2', '3.0'])
  test(`has level and text in UTF-8 in version ${spelling}`, () => {
    assert.equal(formatLog(version(spelling), 'DEBUG', 'WARN', 'a\n"ü"\0b'), 'LOG WARN a "ü" b')
  })

for (const spelling of ['2.0', '2.1'])
  test(`has no LOG line in version ${spelling}`, () => {
    assert.equal(formatLog(version(spelling), 'DEBUG', 'ERROR', 'text'), undefined)
  })

test('logs at the level asked for and above, and nothing for NONE', () => {
  const levels = ['ERROR', 'WARN', 'INFO', 'DEBUG'] as const
  const counts = (['NONE', 'ERROR', 'WARN', 'INFO', 'DEBUG'] as const).map(
    (asked) => levels.filter((level) => formatLog(version('3.0'), asked, level, 'text') !== undefined).length,
  )
  assert.deepEqual(counts, [0, 1, 2, 3, 4])
})

test('reports the status of a transport in version 1 only', () => {
  const fields = { CONNECT: 'Failed', ERRSTR: 'Connection "refused"' }
  assert.equal(
    formatStatus(version('1'), 'obfs4', fields),
    String.raw`STATUS TRANSPORT=obfs4 CONNECT="Failed" ERRSTR="Connection \"refused\""`,
  )
  assert.equal(formatStatus(version('3.0'), 'obfs4', fields), undefined)
})

test('refuses a status without a field, or with a key that is no word', () => {
  assert.throws(() => formatStatus(version('1'), 'obfs4', {}), RangeError)
  assert.throws(() => formatStatus(version('1'), 'obfs4', { 'a b': 'c' }), RangeError)
})

test('names the implementation in version 1 only', () => {
  assert.equal(
    formatStatusVersion(version('1'), 'ptkit', '0.1.0'),
    'STATUS TYPE=version IMPLEMENTATION="ptkit" VERSION="0.1.0"',
  )
  assert.equal(formatStatusVersion(version('2.2'), 'ptkit', '0.1.0'), undefined)
})
