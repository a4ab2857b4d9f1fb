import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemPlatform } from '../../../../src/platform/index.ts'
import { MemoryStore } from '../../../../src/testing/memory-store.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import {
  STATE_FILE,
  TICKET_KEYS_FILE,
  loadServerState,
  loadTicketKeys,
  saveTicketKeys,
} from '../../../../src/transports/scramblesuit/state.ts'
import { vectors } from './vectors.ts'

const secret = Buffer.from(vectors.secret, 'hex')
const random = () => new SeededRandom('state')

async function scratch(context: TestContext) {
  const path = await mkdtemp(join(tmpdir(), 'scramblesuit-state-'))
  context.after(() => rm(path, { recursive: true, force: true }))
  const directory = await systemPlatform.store.directory(path)
  return { path, directory, file: join(path, STATE_FILE) }
}

test('a password is made, stored for its owner alone, and found again', async (context) => {
  const { directory, file } = await scratch(context)
  const made = await loadServerState(directory, undefined, random())
  assert.equal(made.password.length, 20)
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  const content = await readFile(file, 'utf8')
  const again = await loadServerState(directory, undefined, new SeededRandom('other'))
  assert.deepEqual(again, made)
  assert.equal(await readFile(file, 'utf8'), content)
})

test('a password from options is stored where there is none, and never over another', async (context) => {
  const { directory, file } = await scratch(context)
  assert.deepEqual(await loadServerState(directory, secret, random()), { password: secret, overridesStored: false })
  const content = await readFile(file, 'utf8')
  assert.deepEqual(JSON.parse(content), { password: vectors.password })
  const other = Buffer.alloc(20, 7)
  assert.deepEqual(await loadServerState(directory, other, random()), { password: other, overridesStored: true })
  assert.equal(await readFile(file, 'utf8'), content)
  assert.equal((await loadServerState(directory, secret, random())).overridesStored, false)
})

test('nothing is stored without a directory', async () => {
  const { password } = await loadServerState(undefined, undefined, random())
  assert.notDeepEqual((await loadServerState(undefined, undefined, new SeededRandom('other'))).password, password)
})

test('ticket keys are stored for their owner alone, and found again', async (context) => {
  const { path, directory } = await scratch(context)
  assert.deepEqual(await loadTicketKeys(directory), [])
  const keys = [2, 1].map((createdAt) => ({ createdAt, key: Buffer.alloc(48, createdAt) }))
  await saveTicketKeys(directory, keys)
  assert.deepEqual(await loadTicketKeys(directory), keys)
  assert.equal((await stat(join(path, TICKET_KEYS_FILE))).mode & 0o777, 0o600)
})

test('a corrupt file is refused by its name, not shown, and left as it is', async (context) => {
  const { path, directory } = await scratch(context)
  const key = 'ab'.repeat(48)
  const cases: readonly (readonly [file: string, text: string])[] = [
    [STATE_FILE, ''],
    [STATE_FILE, '[]'],
    [STATE_FILE, '{}'],
    [STATE_FILE, `{"password":"${vectors.password}A"}`],
    [STATE_FILE, '{"password":5}'],
    [TICKET_KEYS_FILE, 'null'],
    [TICKET_KEYS_FILE, '{"keys":{}}'],
    [TICKET_KEYS_FILE, '{"keys":[1]}'],
    [TICKET_KEYS_FILE, `{"keys":[{"created-at":-1,"key":"${key}"}]}`],
    [TICKET_KEYS_FILE, `{"keys":[{"created-at":1,"key":"${key.slice(1)}"}]}`],
    [TICKET_KEYS_FILE, `{"keys":[{"created-at":1,"key":"${key.slice(1)}x"}]}`],
    [TICKET_KEYS_FILE, `{"keys":[${Array.from({ length: 3 }, () => `{"created-at":1,"key":"${key}"}`).join(',')}]}`],
  ]
  for (const [file, text] of cases) {
    await writeFile(join(path, file), text)
    const load = () => (file === STATE_FILE ? loadServerState(directory, secret, random()) : loadTicketKeys(directory))
    await assert.rejects(load, (error: Error & { code?: string }) => {
      assert.equal(error.code, 'PT_STATE_CORRUPT', text)
      assert.ok(error.message.includes(file))
      assert.ok(!error.message.includes(vectors.password) && !error.message.includes('abab'))
      return true
    })
    assert.equal(await readFile(join(path, file), 'utf8'), text)
    await rm(join(path, file))
  }
})

test('what the system refuses is told with its cause and the file', async () => {
  for (const operation of ['read', 'replace'] as const) {
    const store = new MemoryStore()
    const directory = await store.directory('/state')
    store.fail(operation)
    await assert.rejects(loadServerState(directory, undefined, random()), {
      code: 'PT_STATE_UNUSABLE',
      message: new RegExp(STATE_FILE),
    })
  }
})
