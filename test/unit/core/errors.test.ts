import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ERROR_FACTS, type ErrorCode, PtError } from '../../../src/core/errors.ts'

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')

/** The cells of the table's rows, those of the code columns without their back quotes. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `PT_'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1')),
  )

test('docs/errors.md has every code, in the order of the code, with the same facts', () => {
  assert.deepEqual(
    rows.map(([code, , ends, exitCode, socksReply]) => [code, ends, exitCode, socksReply]),
    Object.entries(ERROR_FACTS).map(([code, { ends, exitCode, socksReply }]) => [
      code,
      ends,
      String(exitCode),
      `0x${socksReply.toString(16).padStart(2, '0')}`,
    ]),
  )
})

test('docs/errors.md says what each code means, in a sentence of its own', () => {
  const meanings = rows.map(([, meaning]) => meaning!)
  for (const meaning of meanings) assert.match(meaning, /^[A-Z`].{15,}\.$/)
  assert.equal(new Set(meanings).size, meanings.length)
})

test('exit codes are those of sysexits.h and SOCKS replies those of RFC 1928', () => {
  for (const [code, { exitCode, socksReply }] of Object.entries(ERROR_FACTS)) {
    assert.ok(exitCode >= 64 && exitCode <= 78, code)
    assert.ok(socksReply >= 1 && socksReply <= 8, code)
  }
})

test('an error carries code, facts and cause, and is an Error', () => {
  const cause = new Error('underneath')
  for (const code of Object.keys(ERROR_FACTS) as ErrorCode[]) {
    const error = new PtError(code, 'what happened', { cause })
    assert.ok(error instanceof Error)
    assert.equal(error.name, 'PtError')
    assert.equal(error.code, code)
    assert.equal(error.facts, ERROR_FACTS[code])
    assert.equal(error.cause, cause)
    assert.match(error.stack!, /^PtError: what happened/)
  }
  assert.equal('cause' in new PtError('PT_REPLAY', 'x'), false)
})
