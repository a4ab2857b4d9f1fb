import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostTransport } from '../../../src/host/host-transport.ts'
import { FakeChildren } from '../../support/fake-children.ts'

test('tells what is wrong with its settings at once', () => {
  const children = new FakeChildren()
  const make = (settings: object, name = 'any') =>
    hostTransport({ startChild: children.start, stateDir: '/state', ...settings }, name)
  assert.throws(() => make({}, 'no-name'), { code: 'PT_NAME_INVALID' })
  assert.throws(() => make({ stateDir: '' }), { code: 'PT_OPTION_INVALID' })
  assert.throws(() => make({ proxy: 'ftp://127.0.0.1:1' }), { code: 'PT_OPTION_INVALID' })
  assert.throws(() => make({ versions: [] }), { code: 'PT_OPTION_INVALID' })
  assert.throws(() => make({ logLevel: 'LOUD' }), { code: 'PT_OPTION_INVALID' })
  for (const idleStopMs of [0, 1.5, '1', 2 ** 31])
    assert.throws(() => make({ idleStopMs }), { code: 'PT_OPTION_INVALID' })
  assert.throws(() => make({ role: 'server' }), { code: 'PT_OPTION_UNKNOWN' })
  assert.throws(() => make({ bind: {} }), { code: 'PT_OPTION_UNKNOWN' })
  for (const settings of [
    { startTimeoutMs: -1 },
    { maxRestarts: 'a' },
    { logger: 5 },
    { signal: 5 },
    { admit: 5 },
    { listenerStateDir: '/other' },
    { onProcess: 'log' },
    { outbound: 'x' },
    { startChild: 5 },
    { startChild: undefined },
    { command: 'pt' },
    { args: [] },
    { startChild: undefined, command: 5 },
    { startChild: undefined, command: 'pt', args: 'x' },
    { startChild: undefined, command: 'pt', env: { A: 1 } },
  ])
    assert.throws(() => make(settings), { code: 'PT_OPTION_INVALID' }, JSON.stringify(settings))
  assert.throws(() => make({ outbound: { ipv4: '192.0.2.1' } }), { code: 'PT_OPTION_UNKNOWN' })
  make({ startChild: undefined, command: 'pt', args: ['-x'], env: { A: '1', B: undefined } })
  const transport = make({})
  assert.throws(() => transport.client({ cert: {} }), { code: 'PT_OPTION_INVALID' })
  assert.throws(() => transport.client({}, { dialTimeoutMs: 0 }), { code: 'PT_OPTION_INVALID' })
  assert.throws(() => transport.clientFor({ transport: 'other', arguments: {} }), { code: 'PT_BRIDGE_LINE_INVALID' })
  const server = transport.server({})
  assert.throws(() => server.listen('/run/socket'), { code: 'PT_ADDRESS_INVALID' })
  assert.throws(() => server.listen(1, 'bridge.example'), { code: 'PT_ADDRESS_INVALID' })
  assert.throws(() => server.listen({ port: 1, ipv6Only: true }), { code: 'PT_OPTION_INVALID' })
  assert.throws(() => transport.server({ a: 'b\n' }).listen(1), { code: 'PT_OPTION_INVALID' })
  assert.equal(children.all.length, 0)
})
