import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAskedText } from '../../../src/ipc/asked-text.ts'

for (const [line, expected] of [
  ['-version', 'version'],
  ['--version', 'version'],
  ['-version=true', 'version'],
  ['--version=1 -transport obfs4', 'version'],
  ['-help', 'help'],
  ['--help=true', 'help'],
  ['-help -version', 'version'],
  ['-version=false -transport obfs4', undefined],
  ['-transport obfs4', undefined],
] as const)
  test(`takes ${line} for ${expected ?? 'a run'}`, () => {
    assert.equal(readAskedText(line.split(' ')), expected)
  })
