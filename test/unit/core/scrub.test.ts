import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { PtError } from '../../../src/core/errors.ts'
import { scrubError } from '../../../src/core/scrub.ts'

const ADDRESS = /192\.0\.2|2001:db8|bridge\.example|4711|127\.0\.0\.1|::1/

function system(details: object, message: string): Error {
  return Object.assign(new Error(message), { code: 'ECONNREFUSED', errno: -111, syscall: 'connect', ...details })
}

/** Everything that printing the error, its stack and hidden properties included, would show. */
function allOf(error: Error): string {
  const own = Object.getOwnPropertyNames(error).map((name) => inspect(Reflect.get(error, name), { depth: 9 }))
  return [...own, inspect(error, { showHidden: true, depth: 9 }), String(error)].join('\n')
}

test('keeps code, errno and syscall, and nothing of address, port, host or path', () => {
  for (const error of [
    system({ address: '192.0.2.77', port: 4711 }, 'connect ECONNREFUSED 192.0.2.77:4711'),
    system({ hostname: 'bridge.example' }, 'getaddrinfo ENOTFOUND bridge.example'),
    system({ path: '/run/bridge.example.sock', address: '/run/bridge.example.sock' }, 'connect bridge.example'),
    system({ cause: system({ address: '2001:db8::1' }, 'connect to 2001:db8::1') }, 'connect ECONNREFUSED'),
  ]) {
    const scrubbed = scrubError(error)
    assert.deepEqual(Object.fromEntries(Object.entries(scrubbed)), {
      code: 'ECONNREFUSED',
      errno: -111,
      syscall: 'connect',
    })
    assert.equal(scrubbed.message, 'connect ECONNREFUSED')
    assert.doesNotMatch(allOf(scrubbed), ADDRESS)
    assert.match(allOf(error), ADDRESS, 'the original is left as it was')
  }
})

test('makes one error of the several of happy eyeballs', () => {
  const errors = ['192.0.2.77', '2001:db8::1'].map((address) =>
    system({ address, port: 4711 }, `connect ${address}:4711`),
  )
  const scrubbed = scrubError(Object.assign(new AggregateError(errors), { code: 'ECONNREFUSED' }))
  assert.equal(scrubbed.constructor, Error)
  assert.deepEqual(Object.fromEntries(Object.entries(scrubbed)), {
    code: 'ECONNREFUSED',
    errno: -111,
    syscall: 'connect',
  })
  assert.doesNotMatch(allOf(scrubbed), ADDRESS)
})

test("scrubs an attempt's time-out among happy eyeballs, which has no syscall", () => {
  const timeout = Object.assign(new Error('Socket connection timeout'), { code: 'ERR_SOCKET_CONNECTION_TIMEOUT' })
  const errors = [timeout, system({ address: '192.0.2.77' }, 'connect 192.0.2.77')]
  const scrubbed = scrubError(Object.assign(new AggregateError(errors), { code: timeout.code }))
  assert.equal('code' in scrubbed && scrubbed.code, timeout.code)
  assert.doesNotMatch(allOf(scrubbed), ADDRESS)
})

test('scrubs what this version of Node really throws for a refused name with two addresses', async () => {
  const lookup = (_name: string, _options: unknown, callback: (error: null, addresses: object[]) => void): void =>
    callback(null, [
      { address: '127.0.0.1', family: 4 },
      { address: '::1', family: 6 },
    ])
  const socket = connect({ host: 'bridge.example', port: 1, lookup: lookup as never, autoSelectFamily: true })
  const [error] = (await once(socket, 'error').catch((thrown: unknown) => [thrown])) as [Error]
  const scrubbed = scrubError(error)
  assert.match(allOf(error), ADDRESS)
  assert.doesNotMatch(allOf(scrubbed), ADDRESS)
  assert.ok('code' in scrubbed)
})

test('returns errors of this package and of programs as they are, and makes errors of other values', () => {
  for (const error of [new PtError('PT_TRUNCATED', 'x'), new TypeError('y')]) assert.equal(scrubError(error), error)
  assert.equal(scrubError('text').message, 'text')
  assert.equal(scrubError(undefined) instanceof Error, true)
})

test('keeps the code of an error of TLS, and nothing of names and certificates', () => {
  for (const [code, details] of [
    ['ERR_TLS_CERT_ALTNAME_INVALID', { host: 'bridge.example', cert: { subject: 'bridge.example' } }],
    ['ECONNRESET', { host: 'bridge.example', port: 4711 }],
    ['ERR_SSL_WRONG_VERSION_NUMBER', { library: 'SSL routines', reason: 'bridge.example' }],
  ] as const) {
    const scrubbed = scrubError(Object.assign(new Error('Host: bridge.example'), { code, ...details }))
    assert.deepEqual(Object.fromEntries(Object.entries(scrubbed)), { code })
    assert.equal(scrubbed.message, `TLS ${code}`)
    assert.doesNotMatch(allOf(scrubbed), ADDRESS)
  }
  const expired = Object.assign(new Error('certificate has expired'), { code: 'CERT_HAS_EXPIRED' })
  assert.equal(scrubError(expired), expired)
  const own = new PtError('PT_PIN_MISMATCH', 'not the pinned one')
  assert.equal(scrubError(own), own)
})
