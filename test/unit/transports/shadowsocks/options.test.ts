import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryPlatform } from '../../../../src/testing/index.ts'
import { shadowsocks } from '../../../../src/transports/shadowsocks/index.ts'

const OPTIONS = { method: 'aes-256-gcm', password: 'swordfish' } as const

function refusal(options: object): { readonly code: unknown; readonly message: string } {
  try {
    shadowsocks.client(options)
  } catch (error) {
    return { code: Reflect.get(error as Error, 'code'), message: (error as Error).message }
  }
  return assert.fail('it is taken')
}

test('method and password are required, and a password of 2022 is a key', () => {
  assert.equal(refusal({}).code, 'PT_OPTION_MISSING')
  assert.equal(refusal({ method: OPTIONS.method }).code, 'PT_OPTION_MISSING')
  for (const wrong of [
    { method: 'rc4-md5' },
    { password: '' },
    { method: '2022-blake3-aes-256-gcm' },
    { serverAddress: 'h' },
  ]) {
    const { code, message } = refusal({ ...OPTIONS, ...wrong })
    assert.equal(code, 'PT_OPTION_INVALID', message)
    assert.ok(!message.includes(OPTIONS.password))
  }
  assert.throws(() => shadowsocks.server({ ...OPTIONS, stateDir: '' }), { code: 'PT_OPTION_INVALID' })
})

test('a connection may bring everything but a path', () => {
  const perConnection = { platform: createMemoryPlatform(), optionsPerConnection: true }
  const factory = shadowsocks.client({}, perConnection)
  factory.checkArguments({ ...OPTIONS, serverAddress: '[2001:db8::1]:443' })
  assert.throws(() => factory.checkArguments({ method: OPTIONS.method }), { code: 'PT_OPTION_MISSING' })
  const args = { ...OPTIONS, 'state-dir': '/' }
  assert.throws(() => shadowsocks.serverOptions.parseArguments(args, 'connection', { unknown: 'reject' }), {
    code: 'PT_OPTION_FORBIDDEN',
  })
})

test('serverAddress makes of the destination the target; without it a target is told apart', async () => {
  const platform = createMemoryPlatform()
  const { network, clock } = platform
  const dialled: unknown[] = []
  const dialer = { dial: (address: unknown) => (dialled.push(address), Promise.reject(new Error('refused'))) }
  const settings = { platform: { ...platform, dialer } }
  const fixed = shadowsocks.client({ ...OPTIONS, serverAddress: '192.0.2.1:8388' }, settings)
  const free = shadowsocks.client(OPTIONS, settings)
  const server = { host: '192.0.2.1', port: 8388 }
  const target = { host: 'example.org', port: 80 }
  const connections = [fixed.connect(target), free.connect({ ...server, target }), free.connect(server)]
  for (const connection of connections) connection.on('error', () => {})
  assert.deepEqual(
    connections.map((connection) => connection.target),
    [target, target, { host: '127.0.0.1', port: 1 }],
  )
  assert.throws(() => fixed.connect({ ...target, target }), { code: 'PT_ADDRESS_INVALID' })
  assert.throws(() => fixed.connect('/socket'), { code: 'PT_ADDRESS_INVALID' })
  assert.throws(() => free.connect({ ...server, target: { host: 'ü'.repeat(200), port: 1 } }), {
    code: 'PT_ADDRESS_INVALID',
  })
  await clock.settle()
  assert.deepEqual(dialled, [server, server, server])
  assert.equal(network.openStreamCount, 0)
})
