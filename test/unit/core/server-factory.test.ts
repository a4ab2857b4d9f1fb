import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Listener } from '../../../src/core/listener.ts'
import type { ServerFactory } from '../../../src/core/transport.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { plain } from '../../../src/testing/plain.ts'
import { type Scripts, scriptedTransport } from '../../support/scripted-transport.ts'

function create(scripts: Scripts = {}) {
  const platform = createMemoryPlatform()
  const { transport, session } = scriptedTransport(scripts)
  const factory = transport.server({}, { platform })
  return { platform, session, factory, settle: () => platform.clock.settle() }
}

function listen(factory: ServerFactory, port: number): { readonly listener: Listener; readonly events: string[] } {
  const events: string[] = []
  const listener = factory.listen({ host: '127.0.0.1', port })
  listener.on('listening', () => events.push('listening')).on('close', () => events.push('close'))
  listener.on('error', (error) => events.push(`error ${error.message}`))
  return { listener, events }
}

test('the session opens with the first listener and closes with the last, and opens anew after that', async () => {
  const { factory, session, settle } = create()
  assert.deepEqual(session, [], 'nothing is read before listen()')
  const first = listen(factory, 1)
  const second = listen(factory, 2)
  await settle()
  assert.deepEqual(session, ['open', 'opened'])
  first.listener.close()
  await settle()
  assert.deepEqual(first.events, ['listening', 'close'])
  assert.deepEqual(session, ['open', 'opened'])
  second.listener.close()
  await settle()
  assert.deepEqual(session, ['open', 'opened', 'close', 'closed'])
  const third = listen(factory, 1)
  await settle()
  assert.deepEqual(session.slice(4), ['open', 'opened'])
  third.listener.close()
  await settle()
  assert.deepEqual(session.slice(6), ['close', 'closed'])
})

test('a listener that comes while the session closes waits for the end of that', async () => {
  let endClose: () => void = () => undefined
  const { factory, session, settle } = create({ onClose: () => new Promise<void>((resolve) => (endClose = resolve)) })
  const first = listen(factory, 1)
  await settle()
  first.listener.close()
  await settle()
  const second = listen(factory, 2)
  await settle()
  assert.deepEqual(session, ['open', 'opened', 'close'])
  endClose()
  await settle()
  assert.deepEqual(session, ['open', 'opened', 'close', 'closed', 'open', 'opened'])
  assert.deepEqual(second.events, ['listening'])
  second.listener.close()
  await settle()
  endClose()
  await settle()
  assert.deepEqual(second.events, ['listening', 'close'])
})

test('a session that cannot open fails its listeners, each with one error and one close, and may succeed later', async () => {
  let works = false
  const { factory, session, settle, platform } = create({
    onOpen: () => {
      if (!works) throw new Error('no state')
    },
  })
  const [first, second] = [listen(factory, 1), listen(factory, 2)]
  await settle()
  for (const { events } of [first, second]) assert.deepEqual(events, ['error no state', 'close'])
  assert.deepEqual(session, ['open'])
  works = true
  const third = listen(factory, 1)
  await settle()
  assert.deepEqual(third.events, ['listening'])
  third.listener.close()
  await settle()
  assert.deepEqual(session, ['open', 'open', 'opened', 'close', 'closed'])
  assert.equal(platform.network.bindingCount, 0)
})

test('a retry in the error of one listener is not disturbed by the failure of the other', async () => {
  let works = false
  const { factory, session, settle } = create({
    onOpen: () => {
      if (!works) throw new Error('no state')
    },
  })
  const first = listen(factory, 1)
  const second = listen(factory, 2)
  const later: ReturnType<typeof listen>[] = []
  first.listener.once('error', () => {
    works = true
    later.push(listen(factory, 3))
  })
  second.listener.once('close', () => later.push(listen(factory, 4)))
  await settle()
  assert.deepEqual(
    later.map(({ events }) => events),
    [['listening'], ['listening']],
  )
  assert.deepEqual(session, ['open', 'open', 'opened'])
  for (const { listener } of later) listener.close()
  await settle()
  assert.deepEqual(session.slice(3), ['close', 'closed'])
})

test('an address in use fails the listener and leaves the session to the others', async () => {
  const { factory, session, settle } = create()
  const first = listen(factory, 1)
  await settle()
  const second = listen(factory, 1)
  await settle()
  assert.deepEqual(second.events, ['error listen EADDRINUSE', 'close'])
  assert.deepEqual(first.events, ['listening'])
  assert.deepEqual(session, ['open', 'opened'])
  first.listener.close()
  await settle()
  assert.deepEqual(session.slice(2), ['close', 'closed'])
})

test('a session that fails to close tells the error before the close', async () => {
  const { factory, settle } = create({
    onClose: () => {
      throw new Error('disk gone')
    },
  })
  const { listener, events } = listen(factory, 1)
  await settle()
  listener.close()
  await settle()
  assert.deepEqual(events, ['listening', 'error disk gone', 'close'])
})

test('bad limits and addresses throw from listen(), before the session opens', () => {
  const { factory, session } = create()
  for (const options of [{ maxConnections: 0 }, { maxHandshakes: 1.5 }])
    assert.throws(() => factory.listen({ port: 0, ...options }), { code: 'PT_OPTION_INVALID' })
  for (const options of [{ port: -1 }, { port: 0, backlog: -1 }, { port: 65_536 }])
    assert.throws(() => factory.listen(options), { code: 'PT_ADDRESS_INVALID' })
  assert.deepEqual(session, [])
})

test('packets that cannot be had throw from listen(), before the session opens', () => {
  const { factory, session } = create()
  const refused: readonly [object, string][] = [
    [{ packets: false }, 'PT_OPTION_INVALID'],
    [{ packets: { framing: 'other' } }, 'PT_OPTION_INVALID'],
    [{ packets: { framing: 'datagrams' } }, 'PT_PACKETS_UNSUPPORTED'],
    [{ packets: { maxSend: 1 } }, 'PT_OPTION_UNKNOWN'],
    [{ packet: true }, 'PT_OPTION_UNKNOWN'],
  ]
  for (const [options, code] of refused) assert.throws(() => factory.listen({ port: 0, ...options }), { code })
  assert.deepEqual(session, [])
})

test("clients of a listener for packets come by 'packets' alone, and it yields no connections", async () => {
  const platform = createMemoryPlatform()
  const listener = plain.server({}, { platform }).listen({ host: '127.0.0.1', port: 1, packets: true })
  const arrived: string[] = []
  for (const event of ['connection', 'packets'] as const) listener.on(event, () => arrived.push(event))
  await platform.clock.settle()
  const client = plain.client({}, { platform }).connectPackets(1, '127.0.0.1')
  await platform.clock.settle()
  assert.deepEqual(arrived, ['packets'])
  await assert.rejects(listener[Symbol.asyncIterator]().next(), { code: 'PT_LISTENER_STATE', message: /'packets'/ })
  client.close()
  listener.close()
  await platform.clock.settle()
  assert.deepEqual([platform.clock.timerCount, platform.network.openStreamCount], [0, 0])
})

test('connection:close tells of packets at both ends, with what was dropped and why, and of bytes without', async () => {
  const platform = createMemoryPlatform()
  const told: object[] = []
  const logger = { debug: (event: string, fields: object) => void (event === 'connection:close' && told.push(fields)) }
  const server = plain.server({}, { platform, logger })
  const client = plain.client({}, { platform, logger })
  const listeners = [
    server.listen({ host: '127.0.0.1', port: 1, packets: true }),
    server.listen({ host: '127.0.0.1', port: 2 }),
  ]
  await platform.clock.settle()
  listeners[1]!.on('connection', (connection) => connection.resume().end())
  const packets = client.connectPackets({ host: '127.0.0.1', port: 1 })
  await platform.clock.settle()
  packets.send('four')
  await platform.clock.settle()
  packets.send(Buffer.alloc(65_528))
  packets.send('cut off')
  packets.destroy()
  await platform.clock.settle()
  client.connect(2, '127.0.0.1').resume()
  await platform.clock.settle()
  for (const listener of listeners) listener.close()
  await platform.clock.settle()
  const none = { full: 0, tooLong: 0, malformed: 0, closed: 0, unreadable: 0 }
  const traffic = (role: string, read: number, written: number) => ({
    transport: 'plain',
    role,
    bytesRead: read,
    bytesWritten: written,
    wireBytesRead: read,
    wireBytesWritten: written,
  })
  assert.deepEqual(told, [
    { ...traffic('client', 0, 6), dropped: { ...none, tooLong: 1, closed: 1 } },
    { ...traffic('server', 6, 0), dropped: none },
    traffic('client', 0, 0),
    traffic('server', 0, 0),
  ])
})
