import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type FileHandle, chmod, open } from 'node:fs/promises'
import { type TestContext, test } from 'node:test'
import { type ModeHandle, makePrivate } from '../../../src/platform/private-mode.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const modesOnly = { skip: process.platform === 'win32' ? 'needs modes' : false }

async function openDirectory(context: TestContext, mode: number): Promise<FileHandle> {
  const path = await temporaryDirectory(context)
  await chmod(path, mode)
  const handle = await open(path)
  context.after(() => handle.close())
  return handle
}

async function warningOf(handle: ModeHandle): Promise<string> {
  const warned = once(process, 'warning')
  await makePrivate(handle, '/the/path')
  const [warning] = (await warned) as [Error & { code?: string }]
  assert.equal(warning.code, 'PT_STATE_MODE')
  return warning.message
}

test('warns, and goes on, where the mode cannot be changed', modesOnly, async (context) => {
  const handle = await openDirectory(context, 0o755)
  const refusing: ModeHandle = {
    stat: handle.stat.bind(handle),
    chmod: () => Promise.reject(Object.assign(new Error('not the owner'), { code: 'EPERM' })),
  }
  assert.match(await warningOf(refusing), /\/the\/path .*open to other users, and its mode cannot be changed$/)
})

test('leaves a directory with the sticky bit to all its users, and warns', modesOnly, async (context) => {
  const handle = await openDirectory(context, 0o1777)
  assert.match(await warningOf(handle), /\/the\/path .*is shared with every user$/)
  assert.equal((await handle.stat()).mode & 0o7777, 0o1777)
})

test('leaves alone what is neither a file nor a directory', modesOnly, async (context) => {
  const handle = await open('/dev/null')
  context.after(() => handle.close())
  const { mode } = await handle.stat()
  const chmodCalled = context.mock.method(handle, 'chmod', () => Promise.resolve())
  await makePrivate(handle, '/dev/null')
  assert.equal(chmodCalled.mock.callCount(), 0, `a device of mode ${mode.toString(8)}`)
})
