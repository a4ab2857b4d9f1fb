import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readSmallFile } from '../../../src/platform/small-file.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

test('reads a file up to the limit and refuses one beyond', async (t) => {
  const path = join(await temporaryDirectory(t), 'cookie')
  writeFileSync(path, 'abcd')
  assert.equal((await readSmallFile(path, 4)).toString(), 'abcd')
  await assert.rejects(readSmallFile(path, 3), RangeError)
})

test('tells the system error of a file that is not there', async (t) => {
  await assert.rejects(readSmallFile(join(await temporaryDirectory(t), 'cookie'), 4), { code: 'ENOENT' })
})

test('does not wait for the writer of a FIFO', { skip: process.platform === 'win32' }, async (t) => {
  const path = join(await temporaryDirectory(t), 'cookie')
  execFileSync('mkfifo', [path])
  assert.equal((await readSmallFile(path, 4)).length, 0)
})
