import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readSmallFile, readSmallFileSync } from '../../../src/platform/small-file.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const skip = process.platform === 'win32'

for (const [how, read] of [
  ['later', readSmallFile],
  ['at once', async (path: string, mostLength: number) => readSmallFileSync(path, mostLength)],
] as const) {
  test(`reads a file up to the limit and refuses one beyond, ${how}`, async (t) => {
    const path = join(await temporaryDirectory(t), 'cookie')
    writeFileSync(path, 'abcd')
    assert.equal((await read(path, 4)).toString(), 'abcd')
    await assert.rejects(read(path, 3), { name: 'RangeError', message: 'it has more than 3 bytes' })
  })

  test(`tells the system error of a file that is not there, ${how}`, async (t) => {
    await assert.rejects(read(join(await temporaryDirectory(t), 'cookie'), 4), { code: 'ENOENT' })
  })

  test(`refuses a FIFO, a device and a directory without waiting for them, ${how}`, { skip }, async (t) => {
    const directory = await temporaryDirectory(t)
    const path = join(directory, 'cookie')
    execFileSync('mkfifo', [path])
    await assert.rejects(read(directory, 4), { code: 'EISDIR' })
    for (const special of [path, '/dev/zero'])
      await assert.rejects(read(special, 4), { name: 'RangeError', message: 'it is no regular file' })
  })
}
