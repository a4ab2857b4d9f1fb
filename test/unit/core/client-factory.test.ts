import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import type { FactorySettings } from '../../../src/core/transport.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { scriptedTransport } from '../../support/scripted-transport.ts'

const target = { host: '192.0.2.77', port: 4711 }

function create(options: object, settings: FactorySettings = {}) {
  const platform = createMemoryPlatform()
  const scripted = scriptedTransport()
  const connect = (args?: Readonly<Record<string, string>>) => {
    const factory = scripted.transport.client(options, { platform, ...settings })
    const connection = factory.connect(args === undefined ? target : { ...target, arguments: args })
    connection.on('error', () => undefined)
    return connection
  }
  return { ...scripted, platform, connect }
}

test('a missing option throws from client(), before any I/O', () => {
  const { transport } = scriptedTransport()
  assert.throws(() => transport.client({}), { code: 'PT_OPTION_MISSING', message: /"token"/ })
  assert.throws(() => transport.client({ tokn: 'x' }), { code: 'PT_OPTION_UNKNOWN', message: /"token"/ })
})

test('a bad setting throws from client(), and names itself', () => {
  const { transport } = scriptedTransport()
  for (const name of ['dialTimeoutMs', 'handshakeTimeoutMs', 'lingerMs'])
    assert.throws(() => transport.client({ token: 't' }, { [name]: 0 }), {
      code: 'PT_OPTION_INVALID',
      message: new RegExp(name),
    })
})

test('with optionsPerConnection a missing option throws from connect(), unless its arguments bring it', async () => {
  const { connect, platform, clientOptions } = create({ colour: 'red' }, { optionsPerConnection: true })
  assert.throws(() => connect(), { code: 'PT_OPTION_MISSING', message: /"token"/ })
  assert.throws(() => connect({ 'the-colour': 'blue' }), { code: 'PT_OPTION_MISSING' })
  assert.equal(platform.network.links.length, 0)
  connect({ token: 'a' }).destroy()
  connect({ token: 'b', 'the-colour': 'blue' }).destroy()
  await platform.clock.settle()
  assert.deepEqual(clientOptions, [
    { token: 'a', colour: 'red' },
    { token: 'b', colour: 'blue' },
  ])
})

test('arguments win over the options of the factory, for one connection only', async () => {
  const { connect, platform, clientOptions } = create({ token: 'factory' })
  connect({ token: 'own' }).destroy()
  connect({}).destroy()
  connect().destroy()
  await platform.clock.settle()
  assert.deepEqual(clientOptions, [
    { token: 'own', colour: 'grey' },
    { token: 'factory', colour: 'grey' },
    { token: 'factory', colour: 'grey' },
  ])
})

test('equal arguments of many connections are parsed once, and others in between are not taken for them', async () => {
  const ignored: object[] = []
  const logger = {
    debug: (event: string, fields: object) => void (event === 'options:ignored' && ignored.push(fields)),
  }
  const platform = createMemoryPlatform()
  const { transport, clientOptions } = scriptedTransport()
  const factory = transport.client({ token: 't' }, { platform, logger })
  const connect = (colour: string, stray: string) =>
    factory
      .connect({ ...target, arguments: { 'the-colour': colour, stray } })
      .on('error', () => undefined)
      .destroy()
  connect('blue', '1')
  connect('red', '1')
  connect('blue', '1')
  connect('blue', '2')
  await platform.clock.settle()
  const colours = clientOptions.map((options) => Reflect.get(options, 'colour'))
  assert.deepEqual(colours, ['blue', 'red', 'blue', 'blue'])
  assert.equal(ignored.length, 3)
})

test('arguments are refused by their wire name when they may not come per connection, and ignored when unknown', async () => {
  const told: [string, object][] = []
  const logger = { debug: (event: string, fields: object) => void told.push([event, fields]) }
  const { connect, platform } = create({ token: 't' }, { logger })
  assert.throws(() => connect({ 'key-file': '/etc/passwd' }), { code: 'PT_OPTION_FORBIDDEN', message: /"key-file"/ })
  connect({ utls: 'hellochrome', 'the colour\n': 'x' }).destroy()
  await platform.clock.settle()
  const ignored = told.filter(([event]) => event === 'options:ignored').map(([, fields]) => fields)
  assert.deepEqual(ignored, [
    { transport: 'scripted', name: 'utls' },
    { transport: 'scripted', name: '(not a name)' },
  ])
})

test('an address that cannot be throws from connect(), and a signal that was aborted before any dial', async () => {
  const { transport } = scriptedTransport()
  const platform = createMemoryPlatform()
  const factory = transport.client({ token: 't' }, { platform })
  for (const options of [{ port: 0 }, { host: 'a b', port: 1 }, {}])
    assert.throws(() => factory.connect(options), { code: 'PT_ADDRESS_INVALID' })
  const connection = factory.connect({ ...target, signal: AbortSignal.abort() })
  const error = await new Promise((resolve) => connection.on('error', resolve))
  assert.equal(error instanceof Error && error.name, 'AbortError')
  assert.equal(platform.network.links.length, 0)
})

for (const unsafeLogging of [false, true]) {
  test(`a refused dial ${unsafeLogging ? 'keeps' : 'loses'} its address with unsafeLogging ${unsafeLogging}`, async () => {
    const { connect, platform } = create({ token: 't' }, { unsafeLogging })
    const error: unknown = await new Promise((resolve) => connect().on('error', resolve))
    await platform.clock.settle()
    assert.equal(error instanceof Error && 'code' in error && error.code, 'ECONNREFUSED')
    assert.equal(/192\.0\.2\.77|4711/.test(inspect(error, { showHidden: true })), unsafeLogging)
  })
}

test('connectPackets() throws what is wrong with its arguments before any I/O', () => {
  const { transport } = scriptedTransport()
  const platform = createMemoryPlatform()
  const factory = transport.client({ token: 't' }, { platform })
  const refused: readonly [object, string][] = [
    [{ port: 0 }, 'PT_ADDRESS_INVALID'],
    [{ framing: 'other' }, 'PT_OPTION_INVALID'],
    [{ framing: 'datagrams' }, 'PT_PACKETS_UNSUPPORTED'],
    [{ maxQueuedPacket: 1 }, 'PT_OPTION_UNKNOWN'],
    [{ idleTimeoutMs: -1 }, 'PT_OPTION_INVALID'],
    [{ signal: {} }, 'PT_OPTION_INVALID'],
  ]
  for (const [wrong, code] of refused)
    assert.throws(() => factory.connectPackets({ ...target, ...wrong }), { code }, code)
  assert.equal(platform.network.links.length, 0)
  assert.equal(platform.clock.timerCount, 0)
})

test('a protocol that opens its streams itself is given the address, the options of the connection and an end', async () => {
  const platform = createMemoryPlatform()
  const { transport, dials } = scriptedTransport({
    dial: async (_address, _options, signal) => {
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve())
      })
      throw signal.reason
    },
  })
  const connection = transport.client({ token: 't' }, { platform }).connect({ ...target, arguments: { token: 'own' } })
  assert.deepEqual(dials, [{ address: target, target: undefined, options: { token: 'own', colour: 'grey' } }])
  connection.destroy()
  await platform.clock.settle()
  assert.equal(platform.network.links.length, 0)
  assert.equal(platform.clock.timerCount, 0)
})

test('a target is refused, before any I/O, where the transport carries none', () => {
  const platform = createMemoryPlatform()
  const factory = scriptedTransport().transport.client({ token: 't' }, { platform })
  assert.equal(factory.hasTargets, false)
  assert.throws(() => factory.connect({ ...target, target: { host: 'application.example', port: 80 } }), {
    code: 'PT_TARGET_UNSUPPORTED',
    message: /scripted/,
  })
  assert.equal(platform.network.links.length, 0)
})

test('a protocol that carries targets says what is dialled and what is asked for', async () => {
  const platform = createMemoryPlatform()
  const asked = { host: 'application.example', port: 80 }
  const server = { host: '198.51.100.1', port: 443 }
  const { transport } = scriptedTransport({
    route: (_options, { address }) => ({ address: server, target: address as typeof asked }),
  })
  const dialled: object[] = []
  const dialer = { dial: (address: object) => (dialled.push(address), Promise.reject(new Error('refused'))) }
  const factory = transport.client({ token: 't' }, { platform: { ...platform, dialer } })
  assert.equal(factory.hasTargets, true)
  const connection = factory.connect(asked)
  connection.on('error', () => undefined)
  assert.deepEqual(connection.target, asked)
  await platform.clock.settle()
  assert.deepEqual(dialled, [server])
})
