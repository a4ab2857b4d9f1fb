import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { startApplicationServer } from '../../support/application-server.ts'
import { exchange } from '../../support/exchange.ts'
import { closeListener, connectOurClient, startOurServer } from '../../support/obfs4-pairings.ts'
import { skipWithoutObfs4proxy, startObfs4proxyServer } from '../../support/obfs4proxy.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const LENGTHS = { toRight: 10_000, toLeft: 10_000 }

describe('a bridge keeps its identity when its program is replaced', { skip: skipWithoutObfs4proxy }, () => {
  test('obfs4proxy starts from the state directory that our server made', async (t) => {
    const stateDir = await temporaryDirectory(t)
    const ours = await startOurServer(t, { stateDir, iatMode: 1 })
    await closeListener(ours.listener)
    const files = await readStateFiles(stateDir)
    const { port: applicationPort, arrivals } = await startApplicationServer(t)
    const theirs = await startObfs4proxyServer(t, { stateDir, applicationPort })
    assert.deepEqual(theirs.clientArguments, ours.clientArguments)
    assert.deepEqual(await readStateFiles(stateDir), files)
    const client = await connectOurClient(t, theirs.port, { cert: ours.clientArguments['cert']! })
    await exchange(client, await arrivals.next(), LENGTHS)
  })

  test('our server starts from the state directory that obfs4proxy made', async (t) => {
    const stateDir = await temporaryDirectory(t)
    const { port: applicationPort } = await startApplicationServer(t)
    const theirs = await startObfs4proxyServer(t, { stateDir, applicationPort })
    await theirs.process.kill('SIGTERM')
    const files = await readStateFiles(stateDir)
    const ours = await startOurServer(t, { stateDir })
    assert.deepEqual(ours.clientArguments, theirs.clientArguments)
    assert.deepEqual(await readStateFiles(stateDir), files)
    const client = await connectOurClient(t, ours.port, { cert: theirs.clientArguments['cert']! })
    await exchange(client, await ours.arrivals.next(), LENGTHS)
  })
})

/** Reads what both programs write: the state, and the bridge line without the comment above it. */
async function readStateFiles(stateDir: string): Promise<{ readonly state: unknown; readonly bridgeLine: string }> {
  const state: unknown = JSON.parse(await readFile(join(stateDir, 'obfs4_state.json'), 'utf8'))
  const lines = (await readFile(join(stateDir, 'obfs4_bridgeline.txt'), 'utf8')).split('\n')
  const bridgeLine = lines.find((line) => line.startsWith('Bridge obfs4 '))
  assert.ok(bridgeLine !== undefined)
  return { state, bridgeLine }
}
