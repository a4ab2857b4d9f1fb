import assert from 'node:assert/strict'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileStore } from '../../../src/platform/file-store.ts'
import { systemRandom } from '../../../src/platform/system-random.ts'
import { formatCert } from '../../../src/transports/obfs4/cert.ts'
import { type BridgeState, loadBridgeState } from '../../../src/transports/obfs4/state.ts'
import { startApplicationServer } from '../../support/application-server.ts'
import { exchange } from '../../support/exchange.ts'
import { closeListener, connectOurClient, startOurServer } from '../../support/obfs4-pairings.ts'
import { skipWithoutObfs4proxy, startObfs4proxyServer } from '../../support/obfs4proxy.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const LENGTHS = { toRight: 10_000, toLeft: 10_000 }
const FILES = ['obfs4_bridgeline.txt', 'obfs4_state.json']
// Where nothing connects, nothing is forwarded.
const UNUSED_PORT = 9

describe('a bridge keeps its identity when its program is replaced', { skip: skipWithoutObfs4proxy }, () => {
  test('obfs4proxy starts from the state directory that our server made, and changes nothing in it', async (t) => {
    const stateDir = await temporaryDirectory(t)
    const ours = await startOurServer(t, { stateDir, iatMode: 1 })
    await closeListener(ours.listener)
    const before = await readStateFiles(stateDir)
    const { port: applicationPort, arrivals } = await startApplicationServer(t)
    const theirs = await startObfs4proxyServer(t, { stateDir, applicationPort })
    assert.deepEqual(theirs.clientArguments, ours.clientArguments)
    assert.equal(theirs.clientArguments['iat-mode'], '1')
    const client = await connectOurClient(t, theirs.port, { cert: ours.clientArguments['cert']! })
    await exchange(client, await arrivals.next(), LENGTHS)
    await theirs.process.kill()
    const after = await readStateFiles(stateDir)
    assert.equal(after.stateText, before.stateText)
    assert.equal(after.bridgeLine, before.bridgeLine)
  })

  test('our server starts from the state directory that obfs4proxy made, and changes nothing in it', async (t) => {
    const stateDir = await temporaryDirectory(t)
    const theirs = await startObfs4proxyServer(t, { stateDir, applicationPort: UNUSED_PORT })
    await theirs.process.kill('SIGTERM')
    const before = await readStateFiles(stateDir)
    const ours = await startOurServer(t, { stateDir })
    assert.deepEqual(ours.clientArguments, theirs.clientArguments)
    assert.deepEqual(await readStateFiles(stateDir), before)
    const client = await connectOurClient(t, ours.port, { cert: theirs.clientArguments['cert']! })
    await exchange(client, await ours.arrivals.next(), LENGTHS)
  })

  test('a loaded state is the same before and after obfs4proxy has run with it', async (t) => {
    const stateDir = await temporaryDirectory(t)
    const ours = await load(stateDir, 2)
    const { process, clientArguments } = await startObfs4proxyServer(t, { stateDir, applicationPort: UNUSED_PORT })
    assert.deepEqual(clientArguments, { cert: formatCert(ours), 'iat-mode': '2' })
    await process.kill()
    assert.deepEqual(await load(stateDir), ours)
  })

  test("loading obfs4proxy's state adds no file and changes none", async (t) => {
    const stateDir = await temporaryDirectory(t)
    const { process, clientArguments } = await startObfs4proxyServer(t, { stateDir, applicationPort: UNUSED_PORT })
    await process.kill()
    const before = await readAll(stateDir)
    const state = await load(stateDir)
    assert.deepEqual({ cert: formatCert(state), 'iat-mode': String(state.iatMode) }, clientArguments)
    assert.deepEqual(await readAll(stateDir), before)
  })

  test('obfs4proxy derives the same public key from an identity given as options', async (t) => {
    const { nodeId, privateKey, drbgSeed, publicKey } = await load(await temporaryDirectory(t))
    const stateDir = await temporaryDirectory(t)
    const options = {
      'node-id': nodeId.toString('hex'),
      'private-key': privateKey.toString('hex'),
      'drbg-seed': drbgSeed.toString('hex'),
    }
    const theirs = await startObfs4proxyServer(t, { stateDir, applicationPort: UNUSED_PORT, options })
    assert.equal(theirs.clientArguments['cert'], formatCert({ nodeId, publicKey }))
    await theirs.process.kill()
    // It writes an empty public-key then.
    assert.deepEqual((await load(stateDir)).publicKey, publicKey)
  })
})

async function load(stateDir: string, iatMode?: 0 | 1 | 2): Promise<BridgeState> {
  const directory = await fileStore.directory(stateDir)
  return loadBridgeState({ directory, identity: undefined, iatMode, random: systemRandom })
}

/** Reads what both programs write: the state's bytes, and the bridge line without the comment above it. */
async function readStateFiles(stateDir: string): Promise<{ readonly stateText: string; readonly bridgeLine: string }> {
  const [bridgeLines, stateText] = await Promise.all(FILES.map((name) => readFile(join(stateDir, name), 'utf8')))
  const bridgeLine = bridgeLines!.split('\n').find((line) => line.startsWith('Bridge obfs4 '))
  assert.ok(bridgeLine !== undefined)
  return { stateText: stateText!, bridgeLine }
}

/** Reads every file, by its name. */
async function readAll(stateDir: string): Promise<ReadonlyMap<string, string>> {
  const names = (await readdir(stateDir)).sort()
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(stateDir, name), 'utf8')] as const)),
  )
}
