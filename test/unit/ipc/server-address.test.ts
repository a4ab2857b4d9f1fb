import assert from 'node:assert/strict'
import { test } from 'node:test'
import { takeServerAddress } from '../../../src/ipc/server-address.ts'

for (const [text, host, port] of [
  ['192.0.2.1:443', '192.0.2.1', 443],
  ['[2001:db8::1]:1', '2001:db8::1', 1],
  ['bridge.example.com:9922', 'bridge.example.com', 9922],
] as const)
  test(`takes ${text} out of the arguments`, () => {
    assert.deepEqual(takeServerAddress({ cert: 'x', serverAddress: text }), {
      serverAddress: { host, port },
      rest: { cert: 'x' },
    })
  })

test('leaves arguments without a server address as they are', () => {
  assert.deepEqual(takeServerAddress({ cert: 'x' }), { serverAddress: undefined, rest: { cert: 'x' } })
})

for (const text of ['', 'example.com', '192.0.2.1:0', '::1:80', '192.0.2:1', '127.1:80', 'a b:1', '[::1]', 'a:65536'])
  test(`refuses the server address "${text}" without repeating it`, () => {
    assert.throws(() => takeServerAddress({ serverAddress: text }), {
      code: 'PT_OPTION_INVALID',
      message: 'Option "serverAddress" must be host:port, an IPv6 address in brackets',
    })
  })
