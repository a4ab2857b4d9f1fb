import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { makeDirectories } from '../../../src/platform/make-directories.ts'

function temporary(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'make-directories-'))
  context.after(() => rmSync(path, { recursive: true }))
  return path
}

const modeOf = (path: string): number => statSync(path).mode & 0o777

test('makes what is missing, from the top, and leaves what is there', (context) => {
  const top = temporary(context)
  mkdirSync(join(top, 'there'), { mode: 0o755 })
  makeDirectories(join(top, 'there', 'a', 'b'), 0o700)
  makeDirectories(join(top, 'there', 'a', 'b'), 0o711)
  assert.deepEqual(
    ['there', 'there/a', 'there/a/b'].map((name) => modeOf(join(top, name))),
    [0o755, 0o700, 0o700],
  )
})

test('throws for a file in its place or above it, and for a link to nothing', (context) => {
  const top = temporary(context)
  writeFileSync(join(top, 'file'), '')
  symlinkSync(join(top, 'nothing'), join(top, 'link'))
  assert.throws(() => makeDirectories(join(top, 'file'), 0o700), { code: 'EEXIST' })
  assert.throws(() => makeDirectories(join(top, 'file', 'below'), 0o700), { code: 'ENOTDIR' })
  assert.throws(() => makeDirectories(join(top, 'link'), 0o700), { code: 'ENOENT' })
})

test(
  'throws where the system makes no directory at all',
  { skip: process.platform !== 'linux' && '/proc is of Linux' },
  () => {
    assert.throws(() => makeDirectories('/proc/state/below', 0o700), { code: 'ENOENT' })
  },
)
