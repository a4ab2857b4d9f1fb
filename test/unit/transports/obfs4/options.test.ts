import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PtError, type ErrorCode } from '../../../../src/core/errors.ts'
import { formatCert } from '../../../../src/transports/obfs4/cert.ts'
import { type Obfs4ClientInput, clientOptions, serverOptions } from '../../../../src/transports/obfs4/options.ts'

const nodeId = Buffer.from('00112233445566778899aabbccddeeff00112233', 'hex')
const publicKey = Buffer.alloc(32, 0xb7)
const cert = formatCert({ nodeId, publicKey })
const nodeIdHex = nodeId.toString('hex')
const publicKeyHex = publicKey.toString('hex')
const IGNORE = { unknown: 'ignore' } as const
const REJECT = { unknown: 'reject' } as const

const client = (input: Obfs4ClientInput) => clientOptions.complete(clientOptions.parse(input))

function refuses(run: () => unknown, code: ErrorCode, option: string, hidden: readonly string[] = []): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof PtError, String(error))
    assert.equal(error.code, code)
    assert.ok(error.message.includes(`"${option}"`), error.message)
    for (const value of hidden) assert.ok(!error.message.includes(value), error.message)
    return true
  })
}

test('a client takes a cert with and without its ==, iat-mode absent being 0', () => {
  for (const text of [cert, `${cert}==`]) {
    const options = client({ cert: text })
    assert.deepEqual(options, { bridge: { nodeId, publicKey }, iatMode: 0, padding: 'uniform' })
    assert.ok(Object.isFrozen(options) && Object.isFrozen(options.bridge))
  }
})

test('a client takes node-id and public-key, as bytes or digits of either case', () => {
  assert.deepEqual(client({ nodeId, publicKey }).bridge, { nodeId, publicKey })
  const texts = { 'node-id': nodeIdHex.toUpperCase(), 'public-key': publicKeyHex }
  assert.deepEqual(client(texts).bridge, { nodeId, publicKey })
  const partial = clientOptions.parseArguments(texts, 'connection', REJECT)
  assert.deepEqual(clientOptions.complete(partial).bridge, { nodeId, publicKey })
})

test('a cert wins over node-id and public-key', () => {
  assert.deepEqual(client({ cert, nodeId: Buffer.alloc(20), publicKey: Buffer.alloc(32) }).bridge, {
    nodeId,
    publicKey,
  })
  assert.deepEqual(client({ cert, nodeId: Buffer.alloc(20) }).bridge, { nodeId, publicKey })
})

test("a connection's arguments replace the bridge of the factory as a whole", () => {
  const factory = clientOptions.parse({ cert, iatMode: 1 })
  const other = { 'node-id': '00'.repeat(20), 'public-key': '11'.repeat(32), utls: 'none' }
  const merged = clientOptions.merge(factory, clientOptions.parseArguments(other, 'connection', IGNORE))
  assert.deepEqual(clientOptions.complete(merged), {
    bridge: { nodeId: Buffer.alloc(20), publicKey: Buffer.alloc(32, 0x11) },
    iatMode: 1,
    padding: 'uniform',
  })
})

test('a client takes iat-mode as number or digit, and padding from program and connection', () => {
  for (const mode of [0, 1, 2, '0', '1', '2'] as const)
    assert.equal(client({ cert, iatMode: mode }).iatMode, Number(mode))
  assert.equal(client({ cert, padding: 'exempt' }).padding, 'exempt')
  assert.equal(clientOptions.parseArguments({ padding: 'exempt' }, 'connection', IGNORE).padding, 'exempt')
  refuses(
    () => clientOptions.parseArguments({ padding: 'exempt' }, 'bridge-line', IGNORE),
    'PT_OPTION_FORBIDDEN',
    'padding',
  )
})

test('a cert that is not 70 characters of Base64 is refused and not shown', () => {
  const bad = [
    cert.slice(1),
    `${cert}A`,
    `${cert}=`,
    `${cert}===`,
    '',
    cert.replace(/^../, '*-'),
    cert.replaceAll(/^./g, ' '),
    `${cert}\n`,
  ]
  for (const text of bad) {
    const hidden = text === '' ? [] : [text]
    refuses(() => client({ cert: text }), 'PT_OPTION_INVALID', 'cert', hidden)
    refuses(
      () => clientOptions.parseArguments({ cert: text }, 'bridge-line', IGNORE),
      'PT_OPTION_INVALID',
      'cert',
      hidden,
    )
  }
})

test('an iat-mode other than 0, 1 and 2 is refused', () => {
  for (const mode of ['3', '-1', '', '01', '1.0', ' 1', 'one', '0x1'])
    refuses(
      () => clientOptions.parseArguments({ 'iat-mode': mode }, 'connection', IGNORE),
      'PT_OPTION_INVALID',
      'iat-mode',
    )
  for (const mode of [3, -1, 0.5, Number.NaN, true, null, [1]])
    refuses(
      () => clientOptions.parse(JSON.parse(JSON.stringify({ cert, iatMode: mode }))),
      'PT_OPTION_INVALID',
      'iat-mode',
    )
})

test('unknown options are refused by name, from a program and from flags', () => {
  const mistyped = { cert, iatmode: 1 }
  refuses(() => clientOptions.parse(mistyped), 'PT_OPTION_UNKNOWN', 'iat-mode', [cert])
  refuses(() => clientOptions.parse(JSON.parse('{"utls":"x"}')), 'PT_OPTION_UNKNOWN', 'utls')
  refuses(() => clientOptions.parseArguments({ utls: 'x' }, 'connection', REJECT), 'PT_OPTION_UNKNOWN', 'utls')
})

test('missing options are named', () => {
  refuses(() => client({}), 'PT_OPTION_MISSING', 'cert')
  refuses(() => client({ nodeId }), 'PT_OPTION_MISSING', 'public-key', [nodeIdHex])
  refuses(() => client({ publicKey }), 'PT_OPTION_MISSING', 'node-id', [publicKeyHex])
})

test('keys of a wrong length or alphabet are refused and not shown', () => {
  for (const text of [nodeIdHex.slice(2), `${nodeIdHex}00`, nodeIdHex.replace('0', 'g'), ''])
    refuses(() => client({ nodeId: text, publicKey }), 'PT_OPTION_INVALID', 'node-id', text === '' ? [] : [text])
  refuses(() => client({ nodeId, publicKey: Buffer.alloc(31) }), 'PT_OPTION_INVALID', 'public-key')
  refuses(() => client({ nodeId: new Uint8Array(21), publicKey }), 'PT_OPTION_INVALID', 'node-id')
})

test('a server needs nothing, and takes its identity whole', () => {
  assert.deepEqual(serverOptions.complete(serverOptions.parse({})), {})
  const privateKey = Buffer.alloc(32, 1)
  const drbgSeed = Buffer.alloc(24, 2)
  const all = serverOptions.parse({ nodeId, privateKey, drbgSeed, stateDir: '/var/lib/pt', iatMode: 2 })
  assert.deepEqual(serverOptions.complete(all), {
    stateDir: '/var/lib/pt',
    identity: { nodeId, privateKey, drbgSeed },
    iatMode: 2,
  })
  const texts = { 'node-id': nodeIdHex, 'private-key': '01'.repeat(32), 'drbg-seed': '02'.repeat(24) }
  const parsed = serverOptions.parseArguments(texts, 'server', REJECT)
  assert.deepEqual(serverOptions.complete(parsed), { identity: { nodeId, privateKey, drbgSeed } })
})

test('a server names the part of its identity that is missing, without showing the others', () => {
  const complete = (texts: Record<string, string>) => () =>
    serverOptions.complete(serverOptions.parseArguments(texts, 'server', REJECT))
  const key = 'ab'.repeat(32)
  refuses(complete({ 'private-key': key }), 'PT_OPTION_MISSING', 'node-id', [key])
  refuses(complete({ 'node-id': nodeIdHex, 'private-key': key }), 'PT_OPTION_MISSING', 'drbg-seed', [key, nodeIdHex])
  refuses(complete({ 'node-id': nodeIdHex, 'drbg-seed': '0'.repeat(48) }), 'PT_OPTION_MISSING', 'private-key')
  refuses(complete({ 'private-key': `${key}0` }), 'PT_OPTION_INVALID', 'private-key', [key])
})

test("a server's options never come per connection or in a bridge line", () => {
  for (const source of ['connection', 'bridge-line'] as const)
    for (const name of ['state-dir', 'node-id', 'private-key', 'drbg-seed', 'iat-mode'])
      refuses(() => serverOptions.parseArguments({ [name]: '0' }, source, IGNORE), 'PT_OPTION_FORBIDDEN', name)
})

test('a state directory is a path', () => {
  for (const stateDir of ['', 'a\0b'])
    refuses(() => serverOptions.parse({ stateDir }), 'PT_OPTION_INVALID', 'state-dir')
})
