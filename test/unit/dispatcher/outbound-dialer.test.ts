import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Address, Dialer } from '../../../src/core/platform.ts'
import { createOutboundDialer } from '../../../src/dispatcher/outbound-dialer.ts'
import { isLoopback } from '../../../src/dispatcher/outbound-source.ts'
import { FakeClock, MemoryStream } from '../../../src/testing/index.ts'

/** An outbound dialer whose dials are recorded as "source destination"; those to `dead` hosts fail, those to `silent` ones hang. */
function createRecorder(
  outbound: { readonly v4?: string; readonly v6?: string },
  { names = {}, dead = [], silent = [] }: { names?: Record<string, string[]>; dead?: string[]; silent?: string[] } = {},
) {
  const clock = new FakeClock()
  const dials: string[] = []
  const createDialer = (source: string): Dialer => ({
    dial: async (address: Address, { signal }) => {
      const host = 'host' in address ? address.host : address.path
      dials.push(`${source} ${host}`)
      if (dead.includes(host)) throw Object.assign(new Error(`connect ECONNREFUSED`), { code: 'ECONNREFUSED', host })
      if (silent.includes(host)) await rejectOnAbort(signal)
      return new MemoryStream({})
    },
  })
  const lookup = async (host: string) => names[host] ?? []
  const dialer = createOutboundDialer({ outbound, dialer: createDialer('any'), createDialer, lookup, clock })
  const dial = (address: Address, signal = new AbortController().signal) => dialer.dial(address, { signal })
  return { dials, dial, clock }
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error))
  })
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

test('fails as for a name that does not exist when a look-up gives no address', async () => {
  const { dials, dial } = createRecorder(both)
  const dialled = dial({ host: 'bridge.example', port: 443 })
  await assert.rejects(dialled, { code: 'ENOTFOUND', message: 'getaddrinfo ENOTFOUND' })
  assert.deepEqual(dials, [])
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

test('goes on to the next address of a name after 5 s of silence, and waits for the last', async () => {
  const names = { 'bridge.example': ['198.51.100.7', '198.51.100.8'] }
  const { dials, dial, clock } = createRecorder(both, { names, silent: ['198.51.100.7', '198.51.100.8'] })
  const abort = new AbortController()
  const dialled = dial({ host: 'bridge.example', port: 443 }, abort.signal)
  await clock.advance(4_999)
  assert.deepEqual(dials, ['192.0.2.1 198.51.100.7'])
  await clock.advance(1)
  assert.deepEqual(dials, ['192.0.2.1 198.51.100.7', '192.0.2.1 198.51.100.8'])
  await clock.advance(60_000)
  const reason = new Error('enough')
  abort.abort(reason)
  await assert.rejects(dialled, reason)
})

test('waits for no lookup once its caller has given up', async () => {
  const dialer: Dialer = { dial: async () => assert.fail('dialled') }
  const lookup = () => new Promise<never>(() => {})
  const outbound = createOutboundDialer({
    outbound: both,
    dialer,
    createDialer: () => dialer,
    lookup,
    clock: new FakeClock(),
  })
  const reason = new Error('enough')
  const abort = new AbortController()
  const dialled = outbound.dial({ host: 'bridge.example', port: 443 }, { signal: abort.signal })
  abort.abort(reason)
  await assert.rejects(dialled, reason)
})

test('knows loopback in either family', () => {
  for (const address of ['127.0.0.1', '127.255.0.9', '::1', '::ffff:127.0.0.1'])
    assert.equal(isLoopback(address), true, address)
  for (const address of ['128.0.0.1', '10.0.0.1', '::2', 'localhost', ''])
    assert.equal(isLoopback(address), false, address)
})
