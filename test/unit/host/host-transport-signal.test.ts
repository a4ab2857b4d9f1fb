import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { hostTransport } from '../../../src/host/host-transport.ts'
import { turn } from '../../../src/testing/fake-clock.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { FakeChildren } from '../../support/fake-children.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

test('the signal of the settings ends the client child that starts, and the child of a listener', async (t) => {
  const children = new FakeChildren()
  const platform = createMemoryPlatform()
  const ending = new AbortController()
  const stateDir = await temporaryDirectory(t)
  const transport = hostTransport({ startChild: children.start, stateDir, signal: ending.signal }, 'any')
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await turn()
  }
  const listener = transport.server({}, { platform }).listen(5000, '127.0.0.1')
  await until(() => children.all.length === 1)
  children.last.say('VERSION 1', 'SMETHOD any 127.0.0.1:5000', 'SMETHODS DONE')
  await once(listener, 'listening')
  const connection = transport.client({}, { platform }).connect(443, '192.0.2.9')
  await until(() => children.all.length === 2)

  const reason = new Error('the program ends')
  const closed = new Promise<void>((resolve) => listener.on('error', () => {}).once('close', () => resolve()))
  const failed = once(connection, 'error')
  ending.abort(reason)
  assert.equal((await failed)[0], reason)
  await closed
  assert.deepEqual(
    children.all.map(({ steps }) => steps[0]),
    ['input', 'input'],
  )
})
