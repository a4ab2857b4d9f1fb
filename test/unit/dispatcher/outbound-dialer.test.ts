import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Address, Dialer } from '../../../src/core/platform.ts'
import { createOutboundDialer, isLoopback } from '../../../src/dispatcher/outbound-dialer.ts'
import { MemoryStream } from '../../../src/testing/index.ts'

/** An outbound dialer whose dials are recorded as "source destination"; those to `dead` hosts fail. */
function createRecorder(
  outbound: { readonly v4?: string; readonly v6?: string },
  { names = {}, dead = [] }: { names?: Record<string, string[]>; dead?: string[] } = {},
) {
  const dials: string[] = []
  const createDialer = (source: string): Dialer => ({
    dial: async (address: Address) => {
      const host = 'host' in address ? address.host : address.path
      dials.push(`${source} ${host}`)
      if (dead.includes(host)) throw Object.assign(new Error(`connect ECONNREFUSED`), { code: 'ECONNREFUSED', host })
      return new MemoryStream({})
    },
  })
  const resolve = async (host: string) => names[host] ?? []
  const dialer = createOutboundDialer({ outbound, dialer: createDialer('any'), createDialer, resolve })
  const dial = (address: Address, signal = new AbortController().signal) => dialer.dial(address, { signal })
  return { dials, dial }
}

const both = { v4: '192.0.2.1', v6: '2001:db8::1' }

test('dials from the address of the family', async () => {
  const { dials, dial } = createRecorder(both)
  await dial({ host: '198.51.100.7', port: 443 })
  await dial({ host: '2001:db8:7::7', port: 443 })
  assert.deepEqual(dials, ['192.0.2.1 198.51.100.7', '2001:db8::1 2001:db8:7::7'])
})

test('leaves the family without an address, loopback and UNIX sockets alone', async () => {
  const { dials, dial } = createRecorder({ v4: '192.0.2.1' })
  await dial({ host: '2001:db8:7::7', port: 443 })
  await dial({ host: '127.3.2.1', port: 443 })
  await dial({ host: '::1', port: 443 })
  await dial({ path: '/run/socket' })
  assert.deepEqual(dials, ['any 2001:db8:7::7', 'any 127.3.2.1', 'any ::1', 'any /run/socket'])
})

test('tries the addresses of a name in turn, each from its own source', async () => {
  const names = { 'bridge.example': ['2001:db8:7::7', '198.51.100.7', '198.51.100.8'] }
  const { dials, dial } = createRecorder(both, { names, dead: ['2001:db8:7::7'] })
  await dial({ host: 'bridge.example', port: 443 })
  assert.deepEqual(dials, ['2001:db8::1 2001:db8:7::7', '192.0.2.1 198.51.100.7'])
})

test('tells the first failure when every address of a name fails', async () => {
  const names = { 'bridge.example': ['198.51.100.7', '198.51.100.8'] }
  const { dial } = createRecorder(both, { names, dead: ['198.51.100.7', '198.51.100.8'] })
  await assert.rejects(dial({ host: 'bridge.example', port: 443 }), { code: 'ECONNREFUSED', host: '198.51.100.7' })
})

test('tries no further address once its caller has given up', async () => {
  const names = { 'bridge.example': ['198.51.100.7', '198.51.100.8'] }
  const { dials, dial } = createRecorder(both, { names, dead: ['198.51.100.7'] })
  const reason = new Error('enough')
  const abort = new AbortController()
  const dialled = dial({ host: 'bridge.example', port: 443 }, abort.signal)
  abort.abort(reason)
  await assert.rejects(dialled, reason)
  assert.ok(dials.length < 2)
})

test('knows loopback in either family', () => {
  for (const address of ['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1'])
    assert.equal(isLoopback(address), true, address)
  for (const address of ['128.0.0.1', '10.0.0.1', '::2', 'localhost', ''])
    assert.equal(isLoopback(address), false, address)
})
