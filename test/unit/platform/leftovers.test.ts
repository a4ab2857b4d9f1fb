import assert from 'node:assert/strict'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { draftName, removeLeftovers } from '../../../src/platform/leftovers.ts'
import { acquireProcessLock } from '../../../src/platform/process-lock.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const [A, B, C] = ['aaaaaaaaaaaaaaaa', 'bbbbbbbbbbbbbbbb', 'cccccccccccccccc'] as const
// Above the largest PID that Linux, macOS or the BSDs give.
const DEAD = `pid=2147483646 started= boot= token=${A}\n`
const ALIVE = `pid=${process.ppid} started= boot= token=${B}\n`

/** What is left of `files`, by the holder of the lock of 'slots'. */
async function leftOf(context: TestContext, files: Record<string, string>): Promise<string[]> {
  const path = await temporaryDirectory(context)
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text)
  const lock = await acquireProcessLock(join(path, 'slots.lock'))
  await removeLeftovers(path, 'slots')
  assert.ok((await readdir(path)).includes('slots.lock'), 'its own lock stays')
  await lock.release()
  return (await readdir(path)).sort()
}

test('removes drafts of any state file', async (context) => {
  const files = { [draftName('slots', A)]: '', [draftName('state.json', B)]: 'a key', 'state.json': 'a key' }
  assert.deepEqual(await leftOf(context, files), ['state.json'])
})

test('leaves everything that has not exactly the name of a draft', async (context) => {
  const names = [
    `.${A}.tmp`,
    `slots.${A}.tmp.old`,
    `slots.${A}0.tmp`,
    `slots.${A.slice(1)}.tmp`,
    `slots.${A.toUpperCase()}.tmp`,
    `slots.tmp`,
    `slots.lock.${A}.old`,
    `slots.lock.new`,
    `slots.lock.${A}${B}`,
    `other.lock.${A}.new`,
  ]
  const files = Object.fromEntries(names.map((name) => [name, DEAD]))
  assert.deepEqual(await leftOf(context, files), names.sort())
})

test('removes drafts and guards of its lock whose process is dead, and no others', async (context) => {
  const dead = [`slots.lock.${A}.new`, `slots.lock.${A}`, `slots.lock.${A}.${B}`, `slots.lock.${A}.${B}.new`]
  const alive = [`slots.lock.${C}`, `slots.lock.${C}.new`]
  const unreadable = `slots.lock.${B}.new`
  const files = Object.fromEntries([...dead.map((name) => [name, DEAD]), ...alive.map((name) => [name, ALIVE])])
  assert.deepEqual(await leftOf(context, { ...files, [unreadable]: '' }), [...alive, unreadable].sort())
})

test('leaves the drafts of other files while the lock of another file is held', async (context) => {
  const drafts = { [draftName('slots', A)]: '', [draftName('other', B)]: '' }
  assert.deepEqual(await leftOf(context, { ...drafts, 'other.lock': ALIVE }), [draftName('other', B), 'other.lock'])
  assert.deepEqual(await leftOf(context, { ...drafts, 'other.lock': DEAD }), ['other.lock'])
})

test('removes nothing but files, and does without a directory that cannot be read', async (context) => {
  const path = await temporaryDirectory(context)
  await mkdir(join(path, draftName('slots', A)))
  await removeLeftovers(path, 'slots')
  assert.deepEqual(await readdir(path), [draftName('slots', A)])
  await assert.doesNotReject(removeLeftovers(join(path, 'none'), 'slots'))
})
