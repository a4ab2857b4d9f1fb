import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, mkdir, readFile, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { PtError } from '../../../src/core/errors.ts'
import { fileStore } from '../../../src/platform/file-store.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const modesOnly = { skip: process.platform === 'win32' ? 'needs modes' : false }
const storeUrl = new URL('../../../src/platform/file-store.ts', import.meta.url).href

test('makes a directory with its parents, 0700, and takes one that is there', async (context) => {
  const path = join(await temporaryDirectory(context), 'a', 'b')
  await fileStore.directory(path)
  assert.equal((await stat(path)).mode & 0o777, 0o700)
  await (await fileStore.directory(path)).replace('file', 'content')
  assert.equal(await readFile(join(path, 'file'), 'utf8'), 'content')
})

test('refuses a directory that cannot be made, naming it', async (context) => {
  const file = join(await temporaryDirectory(context), 'file')
  await writeFile(file, '')
  for (const path of [file, join(file, 'below')]) {
    await assert.rejects(fileStore.directory(path), (error: PtError) => {
      assert.equal(error.code, 'PT_STATE_UNUSABLE')
      assert.ok(error.message.includes(path))
      assert.match(String((error.cause as NodeJS.ErrnoException).code), /^(EEXIST|ENOTDIR)$/)
      return true
    })
  }
})

test('reads what was written, and undefined where nothing is', async (context) => {
  const directory = await fileStore.directory(await temporaryDirectory(context))
  assert.equal(await directory.read('file'), undefined)
  await directory.replace('file', 'text')
  assert.equal(String(await directory.read('file')), 'text')
  await directory.replace('file', Buffer.from([1, 2, 3]))
  assert.deepEqual(await directory.read('file'), Buffer.from([1, 2, 3]))
  await directory.replace('file', '')
  assert.deepEqual(await directory.read('file'), Buffer.alloc(0))
})

test('reads 1 MiB and refuses a byte more', async (context) => {
  const path = await temporaryDirectory(context)
  const directory = await fileStore.directory(path)
  await directory.replace('file', Buffer.alloc(2 ** 20, 'x'))
  assert.equal((await directory.read('file'))?.length, 2 ** 20)
  await writeFile(join(path, 'file'), 'x', { flag: 'a' })
  await assert.rejects(directory.read('file'), { code: 'PT_STATE_CORRUPT', message: /file is longer than 1 MiB$/ })
})

test('replaces a file whole, 0600, and leaves nothing else behind', async (context) => {
  const path = await temporaryDirectory(context)
  const directory = await fileStore.directory(path)
  await writeFile(join(path, 'file'), 'old', { mode: 0o644 })
  await directory.replace('file', 'new')
  assert.equal((await stat(join(path, 'file'))).mode & 0o777, 0o600)
  assert.deepEqual(await readdir(path), ['file'])
})

test('replaces a link instead of writing through it', async (context) => {
  const path = await temporaryDirectory(context)
  await writeFile(join(path, 'elsewhere'), 'old')
  await symlink(join(path, 'elsewhere'), join(path, 'file'))
  await (await fileStore.directory(path)).replace('file', 'new')
  assert.equal(await readFile(join(path, 'elsewhere'), 'utf8'), 'old')
})

test('leaves the old file and no temporary one when the rename fails', async (context) => {
  const path = await temporaryDirectory(context)
  await mkdir(join(path, 'file'))
  await assert.rejects((await fileStore.directory(path)).replace('file', 'new'), { syscall: 'rename' })
  assert.deepEqual(await readdir(path), ['file'])
})

test(
  'takes from others what an existing directory or file gives them, and gives nothing',
  modesOnly,
  async (context) => {
    const path = await temporaryDirectory(context)
    const modeOf = async (...names: string[]): Promise<number> => (await stat(join(path, ...names))).mode & 0o7777
    for (const [before, after] of [
      [0o755, 0o700],
      [0o2770, 0o2700],
      [0o700, 0o700],
    ] as const) {
      await chmod(path, before)
      await fileStore.directory(path)
      assert.equal(await modeOf(), after)
    }
    const directory = await fileStore.directory(path)
    for (const [before, after] of [
      [0o644, 0o600],
      [0o666, 0o600],
      [0o440, 0o400],
      [0o400, 0o400],
    ] as const) {
      await writeFile(join(path, 'file'), 'content')
      await chmod(join(path, 'file'), before)
      assert.equal(String(await directory.read('file')), 'content')
      assert.equal(await modeOf('file'), after)
      await rm(join(path, 'file'))
    }
    await writeFile(join(path, 'slots'), 'content')
    await chmod(join(path, 'slots'), 0o664)
    await (await directory.openSlots('slots', 7, () => assert.fail('it is there'))).close()
    assert.equal(await modeOf('slots'), 0o600)
  },
)

test('removes what killed processes left, when it has the lock', async (context) => {
  const path = await temporaryDirectory(context)
  const directory = await fileStore.directory(path)
  await writeFile(join(path, 'state.json.0123456789abcdef.tmp'), 'a key')
  await directory.read('state.json')
  assert.deepEqual(await readdir(path), ['state.json.0123456789abcdef.tmp'], 'who only reads has no lock')
  const slots = await directory.openSlots('slots', 1, () => Buffer.alloc(1))
  assert.deepEqual((await readdir(path)).sort(), ['slots', 'slots.lock'])
  await writeFile(join(path, 'state.json.0123456789abcdef.tmp'), 'a key being written')
  await assert.rejects(
    directory.openSlots('slots', 1, () => Buffer.alloc(1)),
    { code: 'PT_STATE_LOCKED' },
  )
  assert.equal((await readdir(path)).length, 3, 'who does not get the lock removes nothing')
  await slots.close()
})

test('refuses names that are not plain', async (context) => {
  const directory = await fileStore.directory(await temporaryDirectory(context))
  for (const name of ['', '.', '..', 'a/b', '../a', 'a\\b', 'a\0b']) {
    await assert.rejects(directory.read(name), RangeError)
    await assert.rejects(directory.replace(name, ''), RangeError)
    await assert.rejects(
      directory.openSlots(name, 1, () => Buffer.alloc(1)),
      RangeError,
    )
  }
})

test('makes a slot file with its whole content, and reopens it with what was written', async (context) => {
  const path = await temporaryDirectory(context)
  const directory = await fileStore.directory(path)
  const first = await directory.openSlots('slots', 64, () => Buffer.alloc(64, '.'))
  assert.equal(first.initial.toString(), '.'.repeat(64))
  assert.equal((await stat(join(path, 'slots'))).mode & 0o777, 0o600)
  await Promise.all([first.write(0, Buffer.from('head')), first.write(60, Buffer.from('tail'))])
  await first.close()
  const second = await directory.openSlots('slots', 64, () => assert.fail('it is there'))
  assert.equal(second.initial.toString(), `head${'.'.repeat(56)}tail`)
  await second.close()
  assert.deepEqual(await readdir(path), ['slots'])
})

test('allocates the blocks of a slot file when it makes it', async (context) => {
  const path = await temporaryDirectory(context)
  const directory = await fileStore.directory(path)
  await (await directory.openSlots('slots', 2 ** 18, () => Buffer.alloc(2 ** 18))).close()
  const { blocks } = await stat(join(path, 'slots'))
  assert.ok(blocks * 512 >= 2 ** 18, `${blocks} blocks`)
})

test('a write is there for others as soon as it resolves', async (context) => {
  const path = await temporaryDirectory(context)
  const slots = await (await fileStore.directory(path)).openSlots('slots', 8, () => Buffer.alloc(8))
  await slots.write(2, Buffer.from('now'))
  assert.equal(await readFile(join(path, 'slots'), 'latin1'), '\0\0now\0\0\0')
  await slots.close()
})

test('refuses a slot file that somebody has open, until it is closed', async (context) => {
  const path = await temporaryDirectory(context)
  const directory = await fileStore.directory(path)
  const create = (): Buffer => Buffer.alloc(8)
  const slots = await directory.openSlots('slots', 8, create)
  await assert.rejects(directory.openSlots('slots', 8, create), (error: PtError) => {
    assert.equal(error.code, 'PT_STATE_LOCKED')
    assert.ok(error.message.includes(join(path, 'slots.lock')))
    assert.ok(error.message.includes(String(process.pid)))
    return true
  })
  await slots.close()
  await (await directory.openSlots('slots', 8, create)).close()
})

test('refuses a slot file of another length, leaves it, and lets the lock go', async (context) => {
  const path = await temporaryDirectory(context)
  const directory = await fileStore.directory(path)
  const create = (): Buffer => Buffer.alloc(8)
  await (await directory.openSlots('slots', 8, create)).close()
  for (const length of [7, 9, 0]) {
    await truncate(join(path, 'slots'), length)
    await assert.rejects(directory.openSlots('slots', 8, create), { code: 'PT_STATE_CORRUPT' })
    assert.equal((await stat(join(path, 'slots'))).size, length)
  }
  assert.deepEqual(await readdir(path), ['slots'])
})

test('refuses a creator of another length, and lets the lock go', async (context) => {
  const path = await temporaryDirectory(context)
  const directory = await fileStore.directory(path)
  await assert.rejects(
    directory.openSlots('slots', 8, () => Buffer.alloc(7)),
    RangeError,
  )
  assert.deepEqual(await readdir(path), [])
})

test('keeps the old file and makes no half slot file when there is no room to write', async (context) => {
  const path = await temporaryDirectory(context)
  await writeFile(join(path, 'state'), 'old')
  // No file may grow beyond 4 or 8 KiB: EFBIG stands in for ENOSPC, at the same place.
  const program = `
    import { fileStore } from ${JSON.stringify(storeUrl)}
    const directory = await fileStore.directory(${JSON.stringify(path)})
    const codeOf = (promise) => promise.then(() => 'done', (error) => error.code)
    const codes = [
      await codeOf(directory.replace('state', Buffer.alloc(100_000))),
      await codeOf(directory.openSlots('more', 100_000, () => Buffer.alloc(100_000))),
    ]
    console.log(codes.join())`
  const limited = ['-c', 'ulimit -f 8 && exec "$@"', 'sh', process.execPath, '--import', 'tsx']
  const { stdout } = spawnSync('/bin/sh', [...limited, '--input-type=module', '-e', program], {
    encoding: 'utf8',
    // Its own cache would meet the limit too.
    env: { ...process.env, TSX_DISABLE_CACHE: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  assert.equal(stdout, 'EFBIG,EFBIG\n')
  assert.equal(await readFile(join(path, 'state'), 'utf8'), 'old')
  assert.deepEqual(await readdir(path), ['state'])
})
