import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileStore } from '../../../src/platform/file-store.ts'
import { systemRandom } from '../../../src/platform/system-random.ts'
import { formatCert } from '../../../src/transports/obfs4/cert.ts'
import { type BridgeState, loadBridgeState } from '../../../src/transports/obfs4/state.ts'
import { skipWithoutObfs4proxy, startObfs4proxyServer } from '../../support/obfs4proxy.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const skip = skipWithoutObfs4proxy
// Nothing connects, so nothing is forwarded there.
const applicationPort = 9

async function load(stateDir: string, iatMode?: 0 | 1 | 2): Promise<BridgeState> {
  const directory = await fileStore.directory(stateDir)
  return loadBridgeState({ directory, identity: undefined, iatMode, random: systemRandom })
}

test('obfs4proxy starts from our state, and finds nothing to write in it', { skip }, async (context) => {
  const stateDir = await temporaryDirectory(context)
  const ours = await load(stateDir, 2)
  const before = await readFile(join(stateDir, 'obfs4_state.json'), 'utf8')
  const { process, clientArguments } = await startObfs4proxyServer(context, { stateDir, applicationPort })
  assert.deepEqual(clientArguments, { cert: formatCert(ours), 'iat-mode': '2' })
  await process.kill()
  assert.equal(await readFile(join(stateDir, 'obfs4_state.json'), 'utf8'), before)
  assert.deepEqual(await load(stateDir), ours)
})

test("we start from obfs4proxy's state, and find nothing to write in it", { skip }, async (context) => {
  const stateDir = await temporaryDirectory(context)
  const { process, clientArguments } = await startObfs4proxyServer(context, { stateDir, applicationPort })
  await process.kill()
  const names = (await readdir(stateDir)).sort()
  const contents = (): Promise<string[]> => Promise.all(names.map((name) => readFile(join(stateDir, name), 'utf8')))
  const before = await contents()
  const state = await load(stateDir)
  assert.deepEqual({ cert: formatCert(state), 'iat-mode': String(state.iatMode) }, clientArguments)
  assert.deepEqual((await readdir(stateDir)).sort(), names)
  assert.deepEqual(await contents(), before)
})

test('obfs4proxy derives the same public key from an identity given as options', { skip }, async (context) => {
  const { nodeId, privateKey, drbgSeed, publicKey } = await load(await temporaryDirectory(context))
  const stateDir = await temporaryDirectory(context)
  const options = {
    'node-id': nodeId.toString('hex'),
    'private-key': privateKey.toString('hex'),
    'drbg-seed': drbgSeed.toString('hex'),
  }
  const { process, clientArguments } = await startObfs4proxyServer(context, { stateDir, applicationPort, options })
  assert.equal(clientArguments['cert'], formatCert({ nodeId, publicKey }))
  await process.kill()
  // It writes an empty public-key then.
  assert.deepEqual((await load(stateDir)).publicKey, publicKey)
})
