import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { PtError } from '../../../../src/core/errors.ts'
import type { StateDirectory } from '../../../../src/core/platform.ts'
import { x25519PublicKey } from '../../../../src/crypto/x25519.ts'
import { fileStore } from '../../../../src/platform/file-store.ts'
import type { ServerIdentity } from '../../../../src/transports/obfs4/options.ts'
import { type BridgeState, loadBridgeState } from '../../../../src/transports/obfs4/state.ts'
import { temporaryDirectory } from '../../../support/temporary-directory.ts'
import { countingRandom } from '../../crypto/counting-random.ts'

// What obfs4proxy 0.0.14 (Debian) wrote into an empty state directory, both files with mode 0600. Seen besides: it takes its own keys in
// any order, unknown keys, no `public-key`, a wrong one and no `iat-mode` (0 then); it refuses iat-mode 3 and half a file with
// SMETHOD-ERROR and leaves both alone; it writes both files at every start, in place; a given `iat-mode` is written to both.
const PROXY_STATE =
  '{"node-id":"dd8ab993066ae8878bffff720452e5fe06e44c80",' +
  '"private-key":"c4bb9d7a46195d1f39e175cdd86fd9dc7af3698dad2fc3a599d2b91b45777d96",' +
  '"public-key":"7f3c7899edfd6c50916fc09309c8087795e8ea25fe6ad3f4f0f4418cbbb92e10",' +
  '"drbg-seed":"0fdf6919cc4d8ed89d1bfb9de7a5e938ad433300ec8aa8b3","iat-mode":0}'
const PROXY_LINE =
  'Bridge obfs4 <IP ADDRESS>:<PORT> <FINGERPRINT> ' +
  'cert=3Yq5kwZq6IeL//9yBFLl/gbkTIB/PHiZ7f1sUJFvwJMJyAh3lejqJf5q0/Tw9EGMu7kuEA iat-mode=0'

const STATE = 'obfs4_state.json'
const LINE = 'obfs4_bridgeline.txt'

type Sources = Partial<Parameters<typeof loadBridgeState>[0]>

const load = (sources: Sources): Promise<BridgeState> =>
  loadBridgeState({
    directory: undefined,
    identity: undefined,
    iatMode: undefined,
    random: countingRandom(1),
    ...sources,
  })

interface Scratch {
  readonly path: string
  readonly directory: StateDirectory
  /** Both files' content. */
  readonly files: () => Promise<readonly string[]>
}

async function scratch(context: TestContext, state?: string): Promise<Scratch> {
  const path = await temporaryDirectory(context)
  if (state !== undefined) await writeFile(join(path, STATE), state)
  const files = (): Promise<string[]> =>
    Promise.all([STATE, LINE].map((name) => readFile(join(path, name), 'utf8').catch(() => 'none')))
  return { path, directory: await fileStore.directory(path), files }
}

function identityOf({ nodeId, privateKey, drbgSeed }: ServerIdentity): ServerIdentity {
  return { nodeId, privateKey, drbgSeed }
}

test('makes a frozen state in memory where there is no directory, as obfs4proxy derives it', async () => {
  const state = await load({})
  assert.ok(Object.isFrozen(state))
  const random = countingRandom(1)
  assert.deepEqual(state.nodeId, random.fill(Buffer.alloc(20)))
  const digest = createHash('sha512')
    .update(random.fill(Buffer.alloc(32)))
    .digest()
  assert.deepEqual(state.privateKey, digest.subarray(0, 32))
  assert.deepEqual(state.drbgSeed, random.fill(Buffer.alloc(24)))
  assert.deepEqual(state.publicKey, x25519PublicKey(state.privateKey))
  assert.equal(state.iatMode, 0)
  assert.equal(state.overridesStored, false)
})

test('saves what it makes, 0600, and starts from it again', async (context) => {
  const { path, directory, files } = await scratch(context)
  const made = await load({ directory, iatMode: 1 })
  assert.deepEqual((await readdir(path)).sort(), [LINE, STATE])
  for (const name of [LINE, STATE]) assert.equal((await stat(join(path, name))).mode & 0o777, 0o600)
  const written = await files()
  const again = await load({ directory, random: countingRandom(2) })
  assert.deepEqual(again, made)
  assert.deepEqual(await files(), written)
})

test("starts from obfs4proxy's own files and leaves them as they are", async (context) => {
  const { path, directory, files } = await scratch(context, PROXY_STATE)
  await writeFile(join(path, LINE), `# its comment\n\n${PROXY_LINE}\n`)
  const state = await load({ directory })
  assert.equal(state.nodeId.toString('hex'), 'dd8ab993066ae8878bffff720452e5fe06e44c80')
  assert.equal(state.publicKey.toString('hex'), '7f3c7899edfd6c50916fc09309c8087795e8ea25fe6ad3f4f0f4418cbbb92e10')
  assert.deepEqual(await files(), [PROXY_STATE, `# its comment\n\n${PROXY_LINE}\n`])
})

test('writes byte for byte what obfs4proxy writes, comments aside', async (context) => {
  const source = await scratch(context, PROXY_STATE)
  const identity = identityOf(await load({ directory: source.directory }))
  const { directory, files } = await scratch(context)
  await load({ directory, identity })
  const [state, line] = await files()
  assert.equal(state, PROXY_STATE)
  assert.deepEqual(
    line!.split('\n').filter((text) => text !== '' && !text.startsWith('#')),
    [PROXY_LINE],
  )
})

test('takes a state without public-key or iat-mode, with an empty public-key, in any order, with unknown keys', async (context) => {
  const full = JSON.parse(PROXY_STATE) as Record<string, unknown>
  const { 'public-key': _publicKey, 'iat-mode': _iatMode, ...bare } = full
  const reversed = Object.fromEntries(Object.entries(full).reverse())
  for (const variant of [bare, { ...full, 'public-key': '' }, reversed, { ...full, more: [1] }]) {
    const { directory } = await scratch(context, JSON.stringify(variant))
    assert.equal((await load({ directory })).publicKey.toString('hex'), full['public-key'])
  }
})

test('writes the missing iat-mode and the missing bridge line', async (context) => {
  const { directory, files } = await scratch(context, PROXY_STATE.replace(',"iat-mode":0', ''))
  await load({ directory })
  const [state, line] = await files()
  assert.equal(state, PROXY_STATE)
  assert.ok(line!.endsWith(`\n${PROXY_LINE}\n`))
})

test('writes an iat-mode given alone back to both files', async (context) => {
  const { directory, files } = await scratch(context, PROXY_STATE)
  assert.equal((await load({ directory, iatMode: 2 })).iatMode, 2)
  const [state, line] = await files()
  assert.equal(state, PROXY_STATE.replace('"iat-mode":0', '"iat-mode":2'))
  assert.ok(line!.endsWith(`\n${PROXY_LINE.replace('iat-mode=0', 'iat-mode=2')}\n`))
  assert.equal((await load({ directory })).iatMode, 2)
})

test('keeps the stored iat-mode with the same identity from options, unless told otherwise', async (context) => {
  const { directory } = await scratch(context, PROXY_STATE.replace('"iat-mode":0', '"iat-mode":1'))
  const identity = identityOf(await load({ directory }))
  const same = await load({ directory, identity })
  assert.deepEqual([same.iatMode, same.overridesStored], [1, false])
  assert.equal((await load({ directory, identity, iatMode: 2 })).iatMode, 2)
  assert.equal((await load({ directory })).iatMode, 2)
})

test('uses another identity from options, tells so, and writes nothing', async (context) => {
  const { directory, files } = await scratch(context, PROXY_STATE.replace('"iat-mode":0', '"iat-mode":2'))
  const stored = await load({ directory })
  const before = await files()
  for (const field of ['nodeId', 'privateKey', 'drbgSeed'] as const) {
    const other = Buffer.from(stored[field])
    other[7]! ^= 1
    const identity = { ...identityOf(stored), [field]: other }
    const state = await load({ directory, identity })
    assert.equal(state.overridesStored, true)
    assert.deepEqual(identityOf(state), identity)
    assert.deepEqual(state.publicKey, x25519PublicKey(identity.privateKey))
    // The stored mode is the other bridge's.
    assert.equal(state.iatMode, 0)
    assert.equal((await load({ directory, identity, iatMode: 1 })).iatMode, 1)
  }
  assert.deepEqual(await files(), before)
})

test('refuses a corrupt state: names file and field, quotes nothing, leaves the files', async (context) => {
  const valid = JSON.parse(PROXY_STATE) as Record<string, unknown>
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /not JSON/],
    [PROXY_STATE.slice(0, 60), /not JSON/],
    ['[]', /not a JSON object/],
    ['null', /not a JSON object/],
    ['{}', /"node-id"/],
    ...(
      [
        ['node-id', 5],
        ['node-id', 'dd'],
        ['private-key', undefined],
        ['private-key', 'zz'.repeat(32)],
        ['private-key', 'c4'.repeat(31)],
        ['public-key', 7],
        ['public-key', 'c4'.repeat(32)],
        ['public-key', 'c4'],
        ['drbg-seed', `${valid['drbg-seed'] as string}00`],
        ['drbg-seed', null],
        ['iat-mode', 3],
        ['iat-mode', -1],
        ['iat-mode', '0'],
        ['iat-mode', 0.5],
      ] as const
    ).map(([field, value]) => [JSON.stringify({ ...valid, [field]: value }), new RegExp(`"${field}"`)] as const),
  ]
  for (const [text, message] of cases) {
    const { directory, files } = await scratch(context, text)
    for (const identity of [undefined, identityOf(await load({}))])
      await assert.rejects(load({ directory, identity, iatMode: 1 }), (error: PtError) => {
        assert.equal(error.code, 'PT_STATE_CORRUPT')
        assert.match(error.message, /obfs4_state\.json/)
        assert.match(error.message, message)
        assert.equal(/[0-9a-f]{8}/.test(`${error.message} ${String(error.cause)}`), false)
        return true
      })
    assert.deepEqual(await files(), [text, 'none'])
  }
})

test('tells which file the system would not read or write', async (context) => {
  const { directory } = await scratch(context)
  const failure = Object.assign(new Error('no space left'), { code: 'ENOSPC' })
  const failing = (method: 'read' | 'replace', name: string): StateDirectory => ({
    read: (file) => (method === 'read' && file === name ? Promise.reject(failure) : directory.read(file)),
    replace: (file, content) =>
      method === 'replace' && file === name ? Promise.reject(failure) : directory.replace(file, content),
    openSlots: () => assert.fail(),
  })
  for (const [method, name] of [
    ['read', STATE],
    ['replace', STATE],
    ['replace', LINE],
  ] as const)
    await assert.rejects(load({ directory: failing(method, name) }), {
      code: 'PT_STATE_UNUSABLE',
      message: new RegExp(name),
      cause: failure,
    })
})

test('starts with the same identity after a failure between the two files', async (context) => {
  const { directory, files } = await scratch(context)
  const failing: StateDirectory = {
    read: (name) => directory.read(name),
    replace: (name, content) => (name === LINE ? Promise.reject(new Error('full')) : directory.replace(name, content)),
    openSlots: () => assert.fail(),
  }
  await assert.rejects(load({ directory: failing }), { code: 'PT_STATE_UNUSABLE' })
  const state = await load({ directory, random: countingRandom(9) })
  assert.deepEqual(identityOf(state), identityOf(await load({})))
  assert.notEqual((await files())[1], 'none')
})
