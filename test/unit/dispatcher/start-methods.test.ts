import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRegistry } from '../../../src/core/registry.ts'
import type { Transport } from '../../../src/core/transport.ts'
import type { Method } from '../../../src/dispatcher/method.ts'
import { startMethods } from '../../../src/dispatcher/start-methods.ts'
import { defineOptions } from '../../../src/core/options.ts'
import { defineTransport } from '../../../src/platform/define-transport.ts'
import { systemError } from '../../../src/testing/memory-stream.ts'

/** A transport that is never asked to do anything. */
function named(name: string): Transport {
  const options = defineOptions(name, {})
  const unused = (): never => assert.fail('nothing is opened')
  return defineTransport({
    name,
    clientOptions: options,
    serverOptions: options,
    openClient: unused,
    openServer: unused,
  })
}

/** Starts transports as `starts` says, and records what is told of them. */
async function startAll(
  starts: Readonly<Record<string, () => Promise<Method>>>,
  { unspeakable = '', unsafeLogging = false } = {},
) {
  const told: string[] = []
  const started = await startMethods({
    requested: Object.keys(starts).map((name) => ({ name, arguments: {} })),
    registry: createRegistry(Object.keys(starts).map(named)),
    logger: {},
    unsafeLogging,
    start: (_transport, { name }) => starts[name]!(),
    announce: (name) => {
      if (name === unspeakable) throw new RangeError('the line cannot carry it')
      told.push(name)
    },
    refuse: (name, text) => told.push(`${name}: ${text}`),
  })
  return { told, started }
}

function createMethod(onDestroy: () => void = () => {}): Method {
  return {
    address: '/run/socket',
    close: () => Promise.resolve(),
    drained: () => Promise.resolve(),
    destroy: async () => onDestroy(),
  }
}

test('starts all at once and tells in the order asked for', async () => {
  const order: string[] = []
  let release = (): void => {}
  const second = new Promise<void>((resolve) => (release = resolve))
  const { told, started } = await startAll({
    first: async () => {
      await second
      order.push('first')
      return createMethod()
    },
    second: async () => {
      order.push('second')
      release()
      return createMethod()
    },
  })
  assert.deepEqual(order, ['second', 'first'])
  assert.deepEqual(told, ['first', 'second'])
  assert.equal(started.length, 2)
})

test('tells a failure without the address in it, unless addresses are wanted', async () => {
  const failure = Object.assign(systemError('EADDRINUSE', 'listen', { address: '192.0.2.1' }), {
    message: 'listen EADDRINUSE: 192.0.2.1:443',
  })
  const starts = { first: () => Promise.reject(failure), second: async () => createMethod() }
  assert.deepEqual((await startAll(starts)).told, ['first: listen EADDRINUSE', 'second'])
  const { told } = await startAll(starts, { unsafeLogging: true })
  assert.deepEqual(told, ['first: listen EADDRINUSE: 192.0.2.1:443', 'second'])
})

test('counts a start that throws at once as failed', async () => {
  const { told, started } = await startAll({
    first: () => {
      throw new RangeError('not so')
    },
  })
  assert.deepEqual([told, started], [['first: not so'], []])
})

test('refuses a transport whose options could not be read without starting it, and goes on with the others', async () => {
  const told: string[] = []
  await startMethods({
    requested: [
      { name: 'first', arguments: {}, optionsProblem: 'The options in -options give one option twice' },
      { name: 'second', arguments: {} },
    ],
    registry: createRegistry(['first', 'second'].map(named)),
    logger: {},
    unsafeLogging: false,
    start: async (_transport, { name }) => (name === 'first' ? assert.fail('it is started') : createMethod()),
    announce: (name) => void told.push(name),
    refuse: (name, text) => void told.push(`${name}: ${text}`),
  })
  assert.deepEqual(told, ['first: The options in -options give one option twice', 'second'])
})

test('ends a transport whose line cannot be written', async () => {
  let destroyed = false
  const first = async () => createMethod(() => (destroyed = true))
  const { told, started } = await startAll({ first }, { unspeakable: 'first' })
  assert.equal(destroyed, true)
  assert.deepEqual([told, started], [['first: the line cannot carry it'], []])
})
