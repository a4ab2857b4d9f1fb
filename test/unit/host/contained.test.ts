import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { createRegistry } from '../../../src/core/registry.ts'
import type { Transport } from '../../../src/core/transport.ts'
import { createLineSink } from '../../../src/host/child-lines.ts'
import { type ContainedParameters, IMPLEMENTATION, runContained } from '../../../src/host/contained.ts'
import { createMemoryPlatform, plain } from '../../../src/testing/index.ts'
import { turn } from '../../../src/testing/fake-clock.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

/** A contained client of one transport, on a network in memory, and what it says and exits with. */
function begin(stateDir: string, parameters: Partial<ContainedParameters> = {}) {
  const platform = createMemoryPlatform()
  const lines: string[] = []
  const exits: number[] = []
  const contained = runContained({
    argv: [],
    environment: {
      TOR_PT_MANAGED_TRANSPORT_VER: '1',
      TOR_PT_CLIENT_TRANSPORTS: 'plain',
      TOR_PT_STATE_LOCATION: stateDir,
    },
    registry: createRegistry<Transport>([plain]),
    platform,
    out: createLineSink((line) => lines.push(line)),
    err: createLineSink((line) => lines.push(`stderr ${line}`)),
    exit: (code) => exits.push(code),
    ...parameters,
  })
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await turn()
  }
  return { contained, lines, exits, until, network: platform.network, ready: () => lines.includes('CMETHODS DONE') }
}

test('calls itself by the name and the version of the package', () => {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  const { name, version } = JSON.parse(text) as { readonly name: string; readonly version: string }
  assert.deepEqual(IMPLEMENTATION, { name, version })
})

test('exits with 70 and says so when it cannot even begin', async (t) => {
  const { exits, lines, until } = begin(await temporaryDirectory(t), { registry: undefined as never })
  await until(() => exits.length > 0)
  assert.deepEqual([exits, lines], [[70], ['stderr internal error: TypeError']])
})

test('ends with 0 when it is asked to before it listens for that, and leaves nothing that listens', async (t) => {
  const { contained, exits, network, until, ready } = begin(await temporaryDirectory(t))
  contained.terminate()
  assert.deepEqual(exits, [0])
  await until(ready)
  await until(() => network.bindingCount === 0)
  contained.crash(new Error('late'))
  assert.deepEqual(exits, [0])
})

test('ends with 70 when it crashes before it has begun, and 70 after its methods, leaving nothing that listens', async (t) => {
  const early = begin(await temporaryDirectory(t))
  early.contained.crash(new Error('secret'))
  assert.deepEqual(early.exits, [70])

  const { contained, exits, network, until, ready } = begin(await temporaryDirectory(t))
  await until(ready)
  await turn()
  assert.equal(network.bindingCount, 1)
  contained.crash(new Error('secret'))
  await until(() => network.bindingCount === 0)
  contained.crash(new Error('again'))
  contained.terminate()
  await turn()
  assert.deepEqual(exits, [70])
})
