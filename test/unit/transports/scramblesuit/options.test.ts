import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatBridgeLine, parseBridgeLine } from '../../../../src/core/bridge-line.ts'
import { PtError } from '../../../../src/core/errors.ts'
import { clientOptions, serverOptions } from '../../../../src/transports/scramblesuit/options.ts'
import { scramblesuit } from '../../../../src/transports/scramblesuit/index.ts'
import { vectors } from './vectors.ts'

const secret = Buffer.from(vectors.secret, 'hex')
const IGNORE = { unknown: 'ignore' } as const

function refuses(run: () => unknown, code: string, option: string): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof PtError)
    assert.equal(error.code, code)
    assert.ok(error.message.includes(`"${option}"`), error.message)
    assert.ok(!error.message.includes(vectors.password.slice(0, 31)), error.message)
    return true
  })
}

test('a client needs its password, from the program, a connection or a bridge line', () => {
  const complete = clientOptions.complete(clientOptions.parse({ password: vectors.password }))
  assert.deepEqual(complete, { password: secret })
  for (const source of ['connection', 'bridge-line'] as const) {
    const partial = clientOptions.parseArguments({ password: vectors.password, other: 'x' }, source, IGNORE)
    assert.deepEqual(clientOptions.complete(partial), { password: secret })
  }
  refuses(() => scramblesuit.client({}), 'PT_OPTION_MISSING', 'password')
})

test('a password that is none is refused and not shown', () => {
  for (const password of ['', vectors.password.slice(1), `${vectors.password.slice(0, 31)}9`])
    refuses(() => scramblesuit.client({ password }), 'PT_OPTION_INVALID', 'password')
  refuses(() => scramblesuit.server({ password: `${vectors.password}=` }), 'PT_OPTION_INVALID', 'password')
})

test('the state directory of a client comes from the program alone, that of a server never with a connection', () => {
  const password = vectors.password
  assert.deepEqual(clientOptions.complete(clientOptions.parse({ password, stateDir: '/tickets' })), {
    password: secret,
    stateDir: '/tickets',
  })
  for (const source of ['connection', 'bridge-line', 'server'] as const)
    refuses(
      () => clientOptions.parseArguments({ 'state-dir': '/x' }, source, IGNORE),
      'PT_OPTION_FORBIDDEN',
      'state-dir',
    )
  for (const source of ['connection', 'bridge-line'] as const)
    refuses(
      () => serverOptions.parseArguments({ 'state-dir': '/x' }, source, IGNORE),
      'PT_OPTION_FORBIDDEN',
      'state-dir',
    )
  refuses(() => scramblesuit.server({ stateDir: 'a\0b' }), 'PT_OPTION_INVALID', 'state-dir')
})

test('a bridge line carries the password there and back', () => {
  const line = `Bridge scramblesuit 192.0.2.1:443 password=${vectors.password}`
  const bridge = parseBridgeLine(line)
  assert.equal(bridge.transport, 'scramblesuit')
  assert.deepEqual({ ...bridge.arguments }, { password: vectors.password })
  assert.equal(formatBridgeLine(bridge), line)
  assert.equal(scramblesuit.clientFor(bridge).transport, 'scramblesuit')
})
