import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { PtConfiguration } from '../../../src/host/launch-options.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { SupervisedWorld } from '../../support/supervised-world.ts'

const SERVER: PtConfiguration = {
  role: 'server',
  transports: ['a'],
  stateDir: '/state',
  orPort: { host: '127.0.0.1', port: 9 },
}
const READY = ['VERSION 1', 'SMETHOD a 127.0.0.1:5000', 'SMETHODS DONE']

test('refuses options for a server that runs already, which would be without effect', async () => {
  const host = await new SupervisedWorld({}, SERVER).ready(READY)
  const server = host.transport('a').server({ 'iat-mode': 1 })
  assert.throws(() => server.listen(0), { code: 'PT_OPTION_INVALID', message: /when it was launched/ })
  await host.stop()
})

test('lets go of a process that lives on when a listener is closed', async () => {
  const world = new SupervisedWorld({}, SERVER)
  const host = await world.ready(READY)
  const platform = createMemoryPlatform()
  const counts = () => host.eventNames().map((name) => [name, host.listenerCount(name)])
  const before = counts()
  for (let round = 0; round < 3; round++) {
    const listener = host.transport('a').server({}, { platform }).listen(0)
    await once(listener, 'listening')
    assert.notDeepEqual(counts(), before)
    const closed = once(listener, 'close')
    listener.close()
    await closed
    assert.deepEqual(counts(), before)
  }
  assert.deepEqual(world.children.last.steps, [])
  await host.stop()
})
