import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRegistry } from '../../../src/core/registry.ts'
import type { Transport } from '../../../src/core/transport.ts'
import { inProcess, startInProcess } from '../../../src/host/in-process.ts'
import { createMemoryPlatform, plain } from '../../../src/testing/index.ts'
import { StartedChild } from '../../support/started-child.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const registry = createRegistry<Transport>([plain])

test('offers the transports of a registry of the caller, on a platform of the caller', async (t) => {
  const platform = createMemoryPlatform()
  const stateDir = await temporaryDirectory(t)
  const host = await inProcess({ role: 'client', transports: ['plain'], stateDir, registry, platform })
  t.after(() => host.stop())
  const { address } = host.methods.get('plain')!
  const stream = await platform.network.dial(address, { signal: new AbortController().signal })
  stream.destroy()
  assert.equal((await host.stop()).code, 0)
})

test('tells nothing before its parent has it', async (t) => {
  const variables = { TOR_PT_MANAGED_TRANSPORT_VER: '9', TOR_PT_STATE_LOCATION: await temporaryDirectory(t) }
  const child = new StartedChild(t, startInProcess({ registry }), variables)
  assert.deepEqual([child.out, child.err, child.exits], [[], [], []])
  assert.equal((await child.exit()).code, 78)
})

test('takes a kill before it has begun for a kill', async (t) => {
  const variables = { TOR_PT_CLIENT_TRANSPORTS: 'plain', TOR_PT_STATE_LOCATION: await temporaryDirectory(t) }
  const child = new StartedChild(t, startInProcess({ registry, platform: createMemoryPlatform() }), variables)
  child.child.kill()
  assert.deepEqual(await child.exit(), { code: null, signal: 'SIGKILL' })
})

test('warns on standard error that it writes no log file', async (t) => {
  const variables = { TOR_PT_CLIENT_TRANSPORTS: 'plain', TOR_PT_STATE_LOCATION: await temporaryDirectory(t) }
  const start = startInProcess({ registry, platform: createMemoryPlatform(), args: ['-enableLogging'] })
  const child = new StartedChild(t, start, variables)
  await child.line('CMETHODS DONE')
  assert.match(child.err.join('\n'), /^warning: A log file is written by a process of its own alone$/)
})
