import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { awaitMethod } from '../../../src/host/await-method.ts'
import type { ClientMethod, Method, PtProcess } from '../../../src/host/pt-process.ts'
import { turn } from '../../../src/testing/fake-clock.ts'

const METHOD: ClientMethod = {
  kind: 'client',
  transport: 'any',
  protocol: 'socks5',
  address: { host: '127.0.0.1', port: 7 },
}

/** A process of which a test says what it offers. */
class ScriptedProcess extends EventEmitter {
  closed = false
  readonly methods = new Map<string, Method>()
  readonly failures = new Map<string, string>()

  await(kind: 'client' | 'server' = 'client', signal: AbortSignal = new AbortController().signal): Promise<Method> {
    return awaitMethod(this as unknown as PtProcess, { name: 'any', kind }, signal)
  }
}

test('resolves at once with what is offered', async () => {
  const process = new ScriptedProcess()
  process.methods.set('any', METHOD)
  assert.equal(await process.await(), METHOD)
  assert.deepEqual(process.eventNames(), [])
})

test('waits for the next child that is ready, and then leaves no listener', async () => {
  const process = new ScriptedProcess()
  const awaited = process.await()
  await turn()
  process.methods.set('any', METHOD)
  process.emit('ready')
  assert.equal(await awaited, METHOD)
  assert.deepEqual(process.eventNames(), [])
})

test('rejects when no child will come', async () => {
  const process = new ScriptedProcess()
  const awaited = process.await()
  await turn()
  process.closed = true
  process.emit('close')
  await assert.rejects(awaited, { code: 'PT_HOST_EXITED' })
  await assert.rejects(process.await(), { code: 'PT_HOST_EXITED' })
})

test("rejects with the child's own words, without control characters, where the transport failed", async () => {
  const process = new ScriptedProcess()
  process.failures.set('any', 'no \u001b luck')
  await assert.rejects(process.await(), { code: 'PT_HOST_FAILED', message: /transport any: it says: no {3}luck$/ })
})

test('rejects where others are offered, or the other role', async () => {
  const process = new ScriptedProcess()
  process.methods.set('other', METHOD)
  await assert.rejects(process.await(), { code: 'PT_HOST_FAILED' })
  process.methods.set('any', METHOD)
  await assert.rejects(process.await('server'), { code: 'PT_HOST_FAILED' })
})

test('gives up with its caller, and leaves no listener', async () => {
  const process = new ScriptedProcess()
  const ending = new AbortController()
  const awaited = process.await('client', ending.signal)
  await turn()
  const reason = new Error('no longer wanted')
  ending.abort(reason)
  await assert.rejects(awaited, reason)
  assert.deepEqual(process.eventNames(), [])
})
