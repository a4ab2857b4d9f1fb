import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DatagramHandlers, Datagrams, UdpAddress } from '../../../src/core/platform.ts'
import { createOutboundDatagrams } from '../../../src/dispatcher/outbound-datagrams.ts'
import { ScriptedSocket } from '../../support/scripted-datagrams.ts'

const handlers: DatagramHandlers = { onMessage: () => {}, onError: () => {} }
/** A name that nobody ever answers for. */
const SILENT = 'silent.example'
const both = { v4: '192.0.2.1', v6: '2001:db8::1' }

/** Outbound Datagrams whose sockets are recorded as "source host"; those to `dead` hosts fail. */
function createRecorder(
  outbound: { readonly v4?: string; readonly v6?: string },
  { names = {}, dead = [] }: { names?: Record<string, string[]>; dead?: string[] } = {},
) {
  const opened: string[] = []
  const createDatagrams = (source: string): Datagrams => ({
    bind: async ({ host }, given) => {
      opened.push(`${source} binds ${host}`)
      return new ScriptedSocket(given)
    },
    connect: async ({ host }, given) => {
      opened.push(`${source} ${host}`)
      if (dead.includes(host)) throw new Error(`no way to ${host}`)
      return new ScriptedSocket(given)
    },
  })
  const lookup = async (host: string): Promise<readonly string[]> => {
    if (host === SILENT) await new Promise(() => {})
    return names[host] ?? Promise.reject(new Error('no such name'))
  }
  const datagrams = createOutboundDatagrams({ outbound, datagrams: createDatagrams('any'), createDatagrams, lookup })
  const connect = (remote: UdpAddress, signal = new AbortController().signal) =>
    datagrams.connect(remote, handlers, { signal })
  return { opened, connect, datagrams }
}

test('sends from the address of the family', async () => {
  const { opened, connect } = createRecorder(both)
  await connect({ host: '198.51.100.7', port: 53 })
  await connect({ host: '2001:db8:7::7', port: 53 })
  assert.deepEqual(opened, ['192.0.2.1 198.51.100.7', '2001:db8::1 2001:db8:7::7'])
})

test('leaves the family without an address, loopback and bound sockets alone', async () => {
  const { opened, connect, datagrams } = createRecorder({ v4: '192.0.2.1' })
  await connect({ host: '2001:db8:7::7', port: 53 })
  await connect({ host: '127.3.2.1', port: 53 })
  await connect({ host: '::1', port: 53 })
  await datagrams.bind({ host: '198.51.100.9', port: 0 }, handlers)
  assert.deepEqual(opened, ['any 2001:db8:7::7', 'any 127.3.2.1', 'any ::1', 'any binds 198.51.100.9'])
})

test('takes the first address of a name that there is a way to, from its own source', async () => {
  const names = { 'dns.example': ['2001:db8:7::7', '198.51.100.7', '198.51.100.8'], local: ['127.0.0.1'] }
  const { opened, connect } = createRecorder(both, { names, dead: ['2001:db8:7::7'] })
  await connect({ host: 'dns.example', port: 53 })
  await connect({ host: 'local', port: 53 })
  assert.deepEqual(opened, ['2001:db8::1 2001:db8:7::7', '192.0.2.1 198.51.100.7', 'any 127.0.0.1'])
})

test('tells the first failure when there is no way to any address of a name, and that of the look-up', async () => {
  const names = { 'dns.example': ['2001:db8:7::7', '198.51.100.7'] }
  const { connect } = createRecorder(both, { names, dead: ['2001:db8:7::7', '198.51.100.7'] })
  await assert.rejects(connect({ host: 'dns.example', port: 53 }), /no way to 2001/)
  await assert.rejects(connect({ host: 'unknown.example', port: 53 }), /no such name/)
})

test('takes a name without an address for one that is not there', async () => {
  const { opened, connect } = createRecorder(both, { names: { 'empty.example': [] } })
  await assert.rejects(connect({ host: 'empty.example', port: 53 }), { code: 'ENOTFOUND', syscall: 'getaddrinfo' })
  assert.deepEqual(opened, [])
})

test('stops looking a name up when nobody waits any more', async () => {
  const { opened, connect } = createRecorder(both)
  const ending = new AbortController()
  const connecting = connect({ host: SILENT, port: 53 }, ending.signal)
  ending.abort(new Error('the client has left'))
  await assert.rejects(connecting, /the client has left/)
  assert.deepEqual(opened, [])
})
