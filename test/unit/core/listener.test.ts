import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { NOTHING } from '../../../src/core/codec.ts'
import type { Connection } from '../../../src/core/connection.ts'
import { PtError } from '../../../src/core/errors.ts'
import type { ByteStream } from '../../../src/core/platform.ts'
import type { ListenOptions } from '../../../src/core/transport.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { systemError } from '../../../src/testing/memory-stream.ts'
import { type Scripts, scriptedTransport } from '../../support/scripted-transport.ts'

/** Connections are established by their first byte, unless a script says otherwise. */
const HANDSHAKE: Scripts = {
  server: {
    start: () => NOTHING,
    receive: (bytes) => (bytes[0] === 0x2b ? { established: true } : { data: Buffer.from(bytes) }),
  },
}

async function open(
  context: TestContext,
  options: Partial<Extract<ListenOptions, { port: number }>> = {},
  scripts = HANDSHAKE,
) {
  const platform = createMemoryPlatform()
  const { transport, session } = scriptedTransport(scripts)
  const listener = transport.server({}, { platform }).listen({ host: '192.0.2.1', port: 1, ...options })
  const events: string[] = []
  const connections: Connection[] = []
  listener.on('connection', (connection) => {
    events.push('connection')
    connections.push(connection.on('error', () => undefined))
  })
  for (const event of ['listening', 'drop', 'close'] as const) listener.on(event, () => events.push(event))
  listener.on('handshakeError', (error) => events.push(`handshakeError ${error.message}`))
  listener.on('error', (error) => events.push(`error ${error.message}`))
  await platform.clock.settle()
  const dial = async (): Promise<ByteStream> => {
    const stream = await platform.network.dial({ host: '192.0.2.1', port: 1 }, { signal: new AbortController().signal })
    stream.on('error', () => undefined).resume()
    await platform.clock.settle()
    return stream
  }
  context.after(async () => {
    listener.close()
    listener.closeAllConnections()
    await platform.clock.settle()
  })
  return { platform, listener, events, connections, session, dial, settle: () => platform.clock.settle() }
}

test('knows its client arguments from listening on', async (context) => {
  const platform = createMemoryPlatform()
  const { transport } = scriptedTransport({ clientArguments: { cert: 'x' } })
  const listener = transport.server({}, { platform }).listen({ host: '192.0.2.1', port: 1 })
  context.after(() => listener.close())
  assert.throws(() => listener.clientArguments, { code: 'PT_LISTENER_STATE' })
  assert.equal(listener.address(), null)
  assert.equal(listener.listening, false)
  await platform.clock.settle()
  assert.deepEqual(listener.clientArguments, { cert: 'x' })
  assert.deepEqual(listener.address(), { address: '192.0.2.1', family: 'IPv4', port: 1 })
  assert.equal(listener.listening, true)
  assert.equal(listener.transport, 'scripted')
})

test('turns newcomers away only past the backlog, and says so', async (context) => {
  const { events, dial, settle, listener } = await open(context, { maxConnections: 1, maxHandshakes: 1, backlog: 1 })
  const first = await dial()
  await dial()
  assert.deepEqual(events, ['listening'])
  const third = await dial()
  assert.deepEqual(events, ['listening', 'drop'])
  assert.equal(third.destroyed || third.readableEnded, true)
  first.write('+')
  await settle()
  assert.deepEqual(events.slice(2), ['connection'])
  const count = await new Promise((resolve) => listener.getConnections((_error, open) => resolve(open)))
  assert.equal(count, 1)
})

test('with a backlog of 0 nobody waits', async (context) => {
  const { events, dial } = await open(context, { maxConnections: 1, maxHandshakes: 1, backlog: 0 })
  await dial()
  await dial()
  assert.deepEqual(events, ['listening', 'drop'])
})

test('maxConnections refuses what is no count of connections, and stays as it was', async (context) => {
  const { listener } = await open(context, { maxConnections: 7 })
  for (const count of [Number.NaN, -5, 0, 1.5, Infinity, '9' as unknown as number])
    assert.throws(() => (listener.maxConnections = count), { code: 'PT_OPTION_INVALID', message: /"maxConnections"/ })
  assert.equal(listener.maxConnections, 7)
})

test('maxConnections can be raised while clients wait', async (context) => {
  const { events, dial, settle, listener } = await open(context, { maxConnections: 1 })
  for (const stream of [await dial(), await dial()]) stream.write('+')
  await settle()
  assert.deepEqual(events, ['listening', 'connection'])
  listener.maxConnections = 2
  assert.equal(listener.maxConnections, 2)
  await settle()
  assert.deepEqual(events, ['listening', 'connection', 'connection'])
})

test('one bad client costs one connection and is heard as handshakeError only', async (context) => {
  const { events, dial, settle } = await open(context)
  const bad = await dial()
  const good = await dial()
  bad.end()
  good.write('+')
  await settle()
  assert.deepEqual(events.slice(1).sort(), [
    'connection',
    'handshakeError The peer ended the stream before the handshake was done',
  ])
})

test('a refused client is told at once and takes no place among the handshakes, however long it stays', async (context) => {
  const refuse = new PtError('PT_HANDSHAKE_FAILED', 'refused')
  const { dial, events, listener, platform } = await open(
    context,
    { maxHandshakes: 1 },
    {
      server: {
        start: () => NOTHING,
        receive: (bytes) => (bytes[0] === 0x2b ? { established: true } : { close: refuse }),
      },
    },
  )
  const stranger = await dial()
  stranger.write('-')
  const friend = await dial()
  friend.write('+')
  await platform.clock.settle()
  assert.deepEqual(events.slice(-2), ['connection', 'handshakeError refused'].sort().reverse())
  stranger.write('still here')
  await platform.clock.advance(60_000)
  assert.equal(events.filter((event) => event.startsWith('handshakeError')).length, 1)
  listener.closeAllConnections()
  await platform.clock.settle()
})

test('close() ends handshakes, lets open connections live, and closes after the last', async (context) => {
  const { events, dial, settle, listener, connections, session } = await open(context)
  const good = await dial()
  good.write('+')
  const waiting = await dial()
  await settle()
  listener.close()
  listener.close(() => events.push('called back'))
  await settle()
  assert.equal(waiting.readableEnded || waiting.destroyed, true)
  assert.deepEqual(events, ['listening', 'connection'])
  good.write('still')
  await settle()
  assert.equal(connections[0]!.bytesRead, 5)
  assert.deepEqual(session, ['open', 'opened'])
  connections[0]!.destroy()
  await settle()
  assert.deepEqual(events.slice(2), ['close', 'called back'])
  assert.deepEqual(session, ['open', 'opened', 'close', 'closed'])
  const error = await new Promise((resolve) => listener.close(resolve))
  assert.equal(error instanceof Error && 'code' in error && error.code, 'PT_LISTENER_STATE')
})

test('closed while it starts it never listens, and closes', async () => {
  const platform = createMemoryPlatform()
  const { transport, session } = scriptedTransport()
  const factory = transport.server({}, { platform })
  const events: string[] = []
  const listener = factory.listen({ port: 1 }, () => events.push('listening'))
  listener.close(() => events.push('close'))
  const aborted = factory.listen({ port: 1, signal: AbortSignal.abort() }, () => events.push('listening'))
  aborted.on('close', () => events.push('close'))
  await platform.clock.settle()
  assert.deepEqual(events, ['close', 'close'])
  assert.equal(platform.network.bindingCount, 0)
  assert.deepEqual(session, ['open', 'opened', 'close', 'closed'])
})

test('a signal closes it', async (context) => {
  const abort = new AbortController()
  const { events, settle } = await open(context, { signal: abort.signal })
  abort.abort()
  await settle()
  assert.deepEqual(events, ['listening', 'close'])
})

test('a failing socket is an error without addresses, then the end as with close()', async (context) => {
  const { events, listener, platform, dial, settle, connections } = await open(context)
  const stream = await dial()
  stream.write('+')
  await settle()
  const errors: Error[] = []
  listener.on('error', (error) => errors.push(error))
  platform.network.failAcceptors(systemError('EIO', 'accept', { address: '192.0.2.1', port: 1 }))
  await settle()
  assert.deepEqual(events.slice(2), ['error accept EIO'])
  assert.doesNotMatch(inspect(errors, { showHidden: true }), /192\.0\.2\.1/)
  connections[0]!.destroy()
  await settle()
  assert.deepEqual(events.slice(3), ['close'])
})

test('iterates over connections until it closes, and destroys what nobody took', async (context) => {
  const { listener, dial, settle, connections } = await open(context)
  const taken: Connection[] = []
  let leave: () => void = () => undefined
  const loop = (async () => {
    for await (const connection of listener) {
      taken.push(connection)
      await new Promise<void>((resolve) => (leave = resolve))
      break
    }
  })()
  await settle()
  for (let count = 0; count < 3; count++) (await dial()).write('+')
  await settle()
  assert.deepEqual(taken, [connections[0]])
  leave()
  await loop
  assert.deepEqual(
    connections.map(({ destroyed }) => destroyed),
    [false, true, true],
  )
  const rest: Connection[] = []
  const second = (async () => {
    for await (const connection of listener) rest.push(connection)
  })()
  listener.close()
  listener.closeAllConnections()
  await settle()
  await second
  assert.deepEqual(rest, [])
})

test('iteration throws the error of the listener', async (context) => {
  const { listener, platform } = await open(context)
  const loop = (async () => {
    for await (const connection of listener) connection.destroy()
  })()
  const failed = assert.rejects(loop, { code: 'EIO' })
  await platform.clock.settle()
  platform.network.failAcceptors(systemError('EIO', 'accept'))
  await failed
})

test('is disposed by await using: closed once it has closed', async (context) => {
  const { listener, events, settle } = await open(context)
  await listener[Symbol.asyncDispose]()
  assert.deepEqual(events, ['listening', 'close'])
  await listener[Symbol.asyncDispose]()
  await settle()
  assert.deepEqual(events, ['listening', 'close'])
})

test("a connection tells the target that its codec has read, from 'connection' on", async (context) => {
  const target = { host: 'application.example', port: 80 }
  const server = { start: () => ({}), receive: () => ({ established: true, target }) as const }
  const { connections, dial, settle } = await open(context, {}, { server })
  const stream = await dial()
  stream.write('+')
  await settle()
  assert.deepEqual(connections[0]?.target, target)
})
