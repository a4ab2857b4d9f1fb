import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import type { PacketConnection, PacketOptions } from '../../../src/core/packets.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { plain } from '../../../src/testing/plain.ts'

const HOST = '192.0.2.7'

/** Both ends of a packet connection over the identity transport in memory. */
async function openPair(packets: PacketOptions = {}) {
  const platform = createMemoryPlatform()
  const { clock, network } = platform
  const listener = plain.server({}, { platform }).listen({ host: HOST, port: 4000, packets })
  const arrived: PacketConnection[] = []
  listener.on('packets', (connection) => arrived.push(connection))
  await clock.settle()
  const client = plain.client({}, { platform }).connectPackets({ host: HOST, port: 4000, ...packets })
  await clock.settle()
  const server = arrived[0]!
  const events: string[] = []
  for (const [name, each] of Object.entries({ client, server })) {
    each.on('message', (packet) => events.push(`${name} message ${packet.toString()}`))
    each.on('error', (error) => events.push(`${name} error ${error.message}`))
    each.on('close', () => events.push(`${name} close`))
  }
  const end = async () => {
    client.destroy()
    server.destroy()
    listener.close()
    await clock.settle()
    assert.deepEqual([clock.timerCount, network.openStreamCount, network.bindingCount], [0, 0, 0])
  }
  return { client, server, listener, clock, link: network.links[0]!, events, end }
}

/** Waits for more turns of the event loop than any flood here takes. */
async function turns(): Promise<void> {
  for (let count = 0; count < 100; count++) await new Promise(setImmediate)
}

/** Runs `act`, and returns what was thrown where nobody can catch it. */
async function uncaughtOf(act: () => Promise<void>): Promise<unknown[]> {
  const uncaught: unknown[] = []
  const listeners = process.rawListeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => uncaught.push(error))
  try {
    await act()
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener as (error: Error) => void)
  }
  return uncaught
}

test('a flood of tiny packets takes turns with everybody else, and loses none', async () => {
  const { client, server, clock, link, end } = await openPair()
  let count = 0
  const perTurn: number[] = []
  server.on('message', () => {
    if (count === 0) void countTurns()
    count += 1
  })
  const countTurns = async () => {
    for (let seen = 0; seen < 2_000;) {
      await new Promise(setImmediate)
      perTurn.push(count - seen)
      seen = count
    }
  }
  link.client.write(Buffer.alloc(4_000))
  await turns()
  assert.equal(count, 2_000)
  assert.ok(Math.max(...perTurn) <= 256, perTurn.join(' '))
  client.send('after')
  await clock.settle()
  assert.equal(count, 2_001)
  await end()
})

test('the end of a stream behind a flood comes after its packets', async () => {
  const { server, clock, link, events, end } = await openPair()
  let count = 0
  server.on('message', () => {
    count += 1
  })
  link.client.write(Buffer.alloc(4_000))
  link.client.end()
  await turns()
  assert.equal(count, 2_000)
  await clock.settle()
  assert.ok(events.includes('server close') && !events.join().includes('server error'), events.slice(-3).join())
  await end()
})

test('a packet that is cut off behind a flood is told after the others', async () => {
  const { server, clock, link, events } = await openPair()
  let count = 0
  server.on('message', () => {
    count += 1
  })
  link.client.write(Buffer.alloc(4_001))
  link.client.end()
  await turns()
  await clock.settle()
  assert.equal(count, 2_000)
  assert.match(events.join(), /server error The peer ended the stream in the middle of a packet,server close/)
})

test('a fault behind a flood comes after its packets', async () => {
  const { server, link, events } = await openPair({ framing: 'stun' })
  let count = 0
  server.on('message', () => {
    count += 1
  })
  const message = Buffer.of(0x40, 1, 0, 0)
  link.client.write(Buffer.concat([...Array.from({ length: 1_000 }, () => message), Buffer.alloc(4, 0xff)]))
  await turns()
  assert.equal(count, 1_000)
  assert.match(events.filter((event) => event.startsWith('server error')).join(), /is not of the framing "stun"/)
})

test('packets without a byte have a limit too while they wait', async () => {
  const { client, server, end } = await openPair()
  const refused: unknown[] = []
  for (let index = 0; index < 4_100; index++) client.send('', (error) => error && refused.push(error))
  assert.equal(client.getSendQueueCount(), 4_096)
  await turns()
  assert.equal(refused.length, 4)
  assert.equal(client.counters.dropped.full, 4)
  assert.equal(server.counters.received, 4_096)
  await end()
})

test('packets of one turn leave in one write', async () => {
  const { client, clock, link, events, end } = await openPair()
  const writes: number[] = []
  const write = link.client.write.bind(link.client)
  link.client.write = ((chunk: Buffer) => {
    writes.push(chunk.length)
    return write(chunk)
  }) as typeof link.client.write
  for (const packet of ['a', 'b', 'c']) client.send(packet)
  await clock.settle()
  assert.deepEqual(writes, [9])
  assert.deepEqual(events, ['server message a', 'server message b', 'server message c'])
  await end()
})

test('bytes are read by send() at once and stay with the caller', async () => {
  const { client, clock, events, end } = await openPair()
  const bytes = Buffer.from('before')
  client.send(bytes)
  bytes.fill('x')
  await clock.settle()
  assert.deepEqual(events, ['server message before'])
  await end()
})

test("what a 'message' listener throws is uncaught, and the packets after it arrive", async () => {
  const { client, server, clock, events, end } = await openPair()
  server.prependListener('message', (packet) => {
    if (packet.toString() === 'a') throw new Error('by the application')
  })
  const uncaught = await uncaughtOf(async () => {
    client.send('a')
    client.send('b')
    await clock.settle()
    client.send('c')
    await clock.settle()
  })
  assert.deepEqual(uncaught.map(String), ['Error: by the application'])
  assert.deepEqual(events, ['server message b', 'server message c'])
  await end()
})

test("an error that nobody listens for is uncaught, and 'close' comes", async () => {
  const { client, clock, events, end } = await openPair()
  client.removeAllListeners('error')
  const uncaught = await uncaughtOf(async () => {
    client.destroy(new Error('lost'))
    await clock.settle()
  })
  assert.deepEqual(uncaught.map(String), ['Error: lost'])
  assert.ok(events.includes('client close'), events.join())
  await end()
})

test('a listener that ends the connection gets no packet more', async () => {
  for (const way of ['close', 'destroy'] as const) {
    const { client, server, clock, events, end } = await openPair()
    server.on('message', () => server[way]())
    client.send('a')
    client.send('b')
    await clock.settle()
    assert.deepEqual(
      events.filter((event) => event.startsWith('server')),
      ['server message a', 'server close'],
      way,
    )
    await end()
  }
})

test('a packet of no bytes arrives, and the end after it', async () => {
  const { client, clock, events, end } = await openPair()
  client.send('')
  client.close()
  await clock.settle()
  assert.equal(events[0], 'server message ')
  assert.deepEqual(events.slice(1).toSorted(), ['client close', 'server close'])
  await end()
})

test("callbacks hear the packet's length, or the code of what kept it", async () => {
  const { client, clock, end } = await openPair({ framing: 'stun' })
  const told: unknown[] = []
  const note = (error: Error | null, length: number) =>
    told.push(error !== null && 'code' in error ? error.code : error, length)
  const request = Buffer.from('00010000' + '00'.repeat(16), 'hex')
  client.send(request, note)
  assert.deepEqual(told, [], 'not within send()')
  await clock.settle()
  client.send('no STUN', note)
  client.send(Buffer.alloc(70_000), note)
  client.close()
  client.send(request, note)
  await clock.settle()
  assert.deepEqual(told, [null, 20, 'PT_PACKET_MALFORMED', 0, 'PT_PACKET_TOO_LONG', 0, 'PT_PACKET_DROPPED', 0])
  const { sent, sentBytes, dropped } = client.counters
  assert.deepEqual([sent, sentBytes], [1, 20])
  assert.deepEqual(dropped, { full: 0, tooLong: 1, malformed: 1, closed: 1, unreadable: 0 })
  await end()
})

test('a packet whose write fails, since its stream takes long to close, is dropped and not counted as sent', async () => {
  const { client, clock, link, end } = await openPair()
  const destroyStream = link.client.destroy.bind(link.client)
  const destroyLater = async () => {
    await turns()
    destroyStream()
  }
  link.client.destroy = () => {
    void destroyLater()
    return link.client
  }
  const told: unknown[] = []
  client.send('too late', (error) => told.push(error && Reflect.get(error, 'code')))
  client.destroy()
  await turns()
  await clock.settle()
  assert.deepEqual(told, ['PT_PACKET_DROPPED'])
  assert.deepEqual([client.counters.sent, client.counters.dropped.closed], [0, 1])
  await end()
})

test('addresses are those of the stream, and PT_NOT_CONNECTED before and without them', async () => {
  const platform = createMemoryPlatform()
  const early = plain.client({}, { platform }).connectPackets({ host: HOST, port: 1 })
  early.on('error', () => {})
  assert.throws(() => early.address(), { code: 'PT_NOT_CONNECTED' })
  assert.throws(() => early.remoteAddress(), { code: 'PT_NOT_CONNECTED', message: /peer's/ })
  early.destroy()
  const { client, server, end } = await openPair()
  assert.deepEqual(client.remoteAddress(), { address: HOST, family: 'IPv4', port: 4000 })
  assert.deepEqual(server.remoteAddress(), client.address())
  await end()
})

test('a peer that never ends cannot hold a close past the linger limit', async () => {
  const { client, clock, link, events, end } = await openPair()
  link.toClient.holdEnd()
  client.close()
  await clock.advance(59_999)
  assert.ok(!events.includes('client close'), events.join())
  await clock.advance(2)
  assert.ok(events.includes('client close'), events.join())
  await end()
})

test('a peer that never reads cannot hold a close past the linger limit', async () => {
  const { client, server, clock, link, events } = await openPair()
  link.toServer.hold()
  for (let index = 0; index < 4; index++) client.send(Buffer.alloc(65_000))
  client.close()
  await clock.advance(59_999)
  assert.ok(client.getSendQueueCount() > 0 && !events.includes('client close'), events.join())
  await clock.advance(2)
  assert.ok(events.includes('client close'), events.join())
  assert.ok(client.counters.dropped.closed > 0)
  server.destroy()
})

test('close() before the connection sends what is queued, and without anything queued ends at once', async () => {
  const { listener, clock, end } = await openPair()
  const platform = createMemoryPlatform()
  const received: string[] = []
  const other = plain.server({}, { platform }).listen({ host: HOST, port: 4000, packets: true })
  other.on('packets', (packets) => packets.on('message', (packet) => received.push(packet.toString())))
  await platform.clock.settle()
  const factory = plain.client({}, { platform })
  const queued = factory.connectPackets(4000, HOST, () => received.push('connect'))
  queued.send('first')
  queued.close(() => received.push('closed'))
  queued.send('late')
  assert.deepEqual([queued.connecting, queued.closed], [true, true])
  await platform.clock.settle()
  assert.deepEqual(received.toSorted(), ['closed', 'first'])
  assert.equal(queued.counters.dropped.closed, 1)
  const empty = factory.connectPackets(4000, HOST)
  empty.close(() => received.push('closed again'))
  await platform.clock.settle()
  assert.equal(received.at(-1), 'closed again')
  empty.close(() => received.push('closed already'))
  await platform.clock.settle()
  assert.equal(received.at(-1), 'closed already')
  other.close()
  await platform.clock.settle()
  assert.deepEqual([platform.clock.timerCount, platform.network.openStreamCount], [0, 0])
  listener.close()
  await clock.settle()
  await end()
})

test('an AbortSignal ends it', async () => {
  const platform = createMemoryPlatform()
  const abort = new AbortController()
  const packets = plain
    .client({}, { platform })
    .connectPackets({ host: HOST, port: 1, framing: 'length-prefix', signal: abort.signal })
  const events: string[] = []
  packets.on('error', (error) => events.push(error.name)).on('close', () => events.push('close'))
  abort.abort()
  await platform.clock.settle()
  assert.deepEqual(events, ['AbortError', 'close'])
})
