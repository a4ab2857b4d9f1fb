import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DatagramAddress } from '../../../src/core/platform.ts'
import { UdpPool } from '../../../src/proxy/udp-pool.ts'
import { FakeClock } from '../../../src/testing/index.ts'
import { ScriptedPackets, packetError } from '../../support/scripted-packets.ts'

const IDLE_MS = 1_000
const one: DatagramAddress = { address: '127.0.0.1', family: 'IPv4', port: 5001 }
const other: DatagramAddress = { address: '127.0.0.1', family: 'IPv4', port: 5002 }

/** A pool of scripted connections, and what it said. */
function createScene(maxEntries?: number) {
  const clock = new FakeClock()
  const connections: ScriptedPackets[] = []
  const replies: string[] = []
  const told: string[] = []
  const scene = { clock, connections, replies, told, refusal: undefined as Error | undefined }
  const pool = new UdpPool({
    clock,
    idleTimeoutMs: IDLE_MS,
    accepts: (packet) => packet.toString() !== 'garbage',
    connect: () => {
      if (scene.refusal !== undefined) throw scene.refusal
      const connection = new ScriptedPackets()
      connections.push(connection)
      return connection
    },
    reply: (packet, { port }) => replies.push(`${port} ${packet.toString()}`),
    onConnectFailure: (error) => told.push((error as Error).message),
    onFull: () => told.push('full'),
    ...(maxEntries !== undefined && { maxEntries }),
  })
  const receive = (text: string, application = one): void => pool.receive(Buffer.from(text), application)
  return Object.assign(scene, { pool, receive })
}

/** A pool with one application, whose connection is there. */
function createConnected() {
  const scene = createScene()
  scene.receive('first')
  const [connection] = scene.connections
  connection!.succeed()
  return { ...scene, connection: connection! }
}

test('Packet received, no matching connection in the pool: a new one is added, waiting, and has the packet', () => {
  const { pool, receive, connections } = createScene()
  receive('a')
  assert.deepEqual([pool.stateOf(one), pool.size], ['waiting', 1])
  assert.deepEqual([connections[0]!.queued, connections[0]!.written], [['a'], []])
  receive('b', other)
  assert.deepEqual([pool.stateOf(other), pool.size, connections.length], ['waiting', 2, 2])
  assert.deepEqual(connections[1]!.queued, ['b'])
})

test('Packet received, matching connection waiting: it has the packet, and there is no other', () => {
  const { pool, receive, connections } = createScene()
  for (const text of ['a', 'b', 'c']) receive(text)
  assert.deepEqual([pool.stateOf(one), connections.length], ['waiting', 1])
  assert.deepEqual(connections[0]!.queued, ['a', 'b', 'c'])
})

test('Packet received, matching connection waiting that queues nothing: the packet is dropped, the entry stays', () => {
  const { pool, receive, connections } = createScene()
  receive('a')
  connections[0]!.failure = packetError('PT_PACKET_DROPPED')
  receive('b')
  assert.deepEqual([pool.stateOf(one), connections[0]!.endings], ['waiting', []])
})

test('Packet received, matching connection connected: the packet is sent by it', () => {
  const { receive, connection, connections } = createConnected()
  receive('b')
  receive('c')
  assert.deepEqual([connection.queued, connection.written, connections.length], [['first'], ['b', 'c'], 1])
})

test('Connection successful, waiting: it is connected', () => {
  const { pool, receive, connections } = createScene()
  receive('a')
  connections[0]!.succeed()
  assert.equal(pool.stateOf(one), 'connected')
})

test('Connection closed, connected: it is removed, and the next packet begins another', () => {
  const { pool, receive, connection, connections, clock } = createConnected()
  connection.finish()
  assert.deepEqual([pool.stateOf(one), pool.size, clock.timerCount], [undefined, 0, 0])
  receive('b')
  assert.deepEqual([pool.stateOf(one), connections.length], ['waiting', 2])
  assert.deepEqual(connections[1]!.queued, ['b'])
})

test('Connection closed, its last bytes still to leave: the next packet begins another and is not lost', () => {
  const { pool, receive, connection, connections } = createConnected()
  connection.end()
  receive('b')
  assert.deepEqual([connections.length, connections[1]?.queued, connection.endings], [2, ['b'], []])
  connection.finish()
  assert.equal(pool.stateOf(one), 'waiting')
})

test('Connection failed, waiting: it is removed, and the next packet begins another', () => {
  const { pool, receive, connections, told, clock } = createScene()
  receive('a')
  connections[0]!.fail(new Error('refused'))
  assert.deepEqual([pool.size, told, clock.timerCount], [0, ['refused'], 0])
  receive('b')
  assert.deepEqual([connections.length, connections[1]?.queued], [2, ['b']])
})

test('Write failure sending packet, connected: it is removed and the packet dropped', async () => {
  const { pool, receive, connection, connections, clock } = createConnected()
  connection.breakWith = new Error('reset')
  receive('lost')
  assert.deepEqual([pool.size, connection.written, clock.timerCount], [0, [], 0])
  receive('next')
  assert.deepEqual([connections.length, connections[1]?.queued], [2, ['next']])
})

test('Packet received that cannot be carried, no matching connection in the pool: it is dropped, and no connection begun', () => {
  const { pool, receive, connections } = createScene()
  receive('garbage')
  assert.deepEqual([pool.size, connections.length], [0, 0])
})

test('does not count as packets what cannot be sent', async () => {
  const { pool, receive, connection, clock } = createConnected()
  connection.failure = packetError('PT_PACKET_DROPPED')
  await clock.advance(IDLE_MS - 1)
  receive('dropped')
  assert.equal(pool.stateOf(one), 'connected')
  await clock.advance(1)
  assert.equal(pool.size, 0)
})

test('Connection closed by an error, connected: it is removed, and has not failed to connect', () => {
  const { pool, connection, told } = createConnected()
  connection.fail(new Error('reset'))
  assert.deepEqual([pool.size, told], [0, []])
})

for (const code of ['PT_PACKET_DROPPED', 'PT_PACKET_TOO_LONG', 'PT_PACKET_MALFORMED'])
  test(`keeps a connection that could not take one packet: ${code}`, () => {
    const { pool, receive, connection } = createConnected()
    connection.failure = packetError(code)
    receive('lost')
    connection.failure = undefined
    receive('b')
    assert.deepEqual([pool.stateOf(one), connection.endings, connection.written], ['connected', [], ['b']])
  })

test('Timeout since last packet, connected: it is removed and closed', async () => {
  const { pool, connection, clock } = createConnected()
  await clock.advance(IDLE_MS - 1)
  assert.equal(pool.stateOf(one), 'connected')
  await clock.advance(1)
  assert.deepEqual([pool.size, connection.endings, clock.timerCount], [0, ['close'], 0])
})

test('Timeout since last packet, waiting: it is removed and destroyed', async () => {
  const { pool, receive, connections, clock } = createScene()
  receive('a')
  await clock.advance(IDLE_MS)
  assert.deepEqual([pool.size, connections[0]!.endings], [0, ['destroy']])
})

test('counts the time since the last packet from packets of either side', async () => {
  const { pool, receive, connection, clock } = createConnected()
  await clock.advance(IDLE_MS - 1)
  receive('b')
  await clock.advance(IDLE_MS - 1)
  connection.bring('answer')
  await clock.advance(IDLE_MS - 1)
  assert.equal(pool.stateOf(one), 'connected')
  await clock.advance(1)
  assert.equal(pool.size, 0)
})

test('takes a reply to the address that asked', () => {
  const { receive, connections, replies } = createScene()
  receive('a')
  receive('b', other)
  for (const connection of connections) connection.succeed()
  connections[1]!.bring('for b')
  connections[0]!.bring('for a')
  assert.deepEqual(replies, ['5002 for b', '5001 for a'])
})

test('tells hosts of one port apart', () => {
  const { receive, connections } = createScene()
  receive('a')
  receive('b', { ...one, address: '127.0.0.2' })
  assert.equal(connections.length, 2)
})

test('takes a late reply of a removed entry nowhere, not even to its successor', async () => {
  const { receive, connection, connections, replies, clock } = createConnected()
  await clock.advance(IDLE_MS)
  connection.bring('late')
  receive('b')
  connection.bring('later')
  connections[1]!.succeed()
  connections[1]!.bring('now')
  connection.finish()
  connections[1]!.bring('still')
  assert.deepEqual(replies, ['5001 now', '5001 still'])
})

test('drops packets of newcomers when it is full, says so once, and evicts nobody', () => {
  const { pool, receive, connections, told } = createScene(1)
  receive('a')
  receive('b', other)
  receive('c', other)
  assert.deepEqual([pool.stateOf(one), pool.stateOf(other), told], ['waiting', undefined, ['full']])
  connections[0]!.finish()
  receive('d', other)
  receive('e')
  assert.deepEqual([pool.stateOf(other), told], ['waiting', ['full', 'full']])
})

test('gives the place of a connection away only when it is closed', async () => {
  const { pool, receive, connections, clock } = createScene(1)
  receive('a')
  connections[0]!.succeed()
  await clock.advance(IDLE_MS)
  receive('b', other)
  assert.equal(pool.size, 0)
  connections[0]!.finish()
  receive('c', other)
  assert.equal(pool.size, 1)
})

test('drops the packet of a connection that cannot even begin', () => {
  const scene = createScene()
  scene.refusal = new Error('no')
  scene.receive('a')
  assert.deepEqual([scene.pool.size, scene.told], [0, ['no']])
})

test('takes no newcomer once it is closed, and is drained when the last has gone', async () => {
  const { pool, receive, connection, connections, clock } = createConnected()
  pool.close()
  let isDrained = false
  void pool.drained().then(() => (isDrained = true))
  receive('b')
  receive('c', other)
  await clock.settle()
  assert.deepEqual([connection.written, connections.length, isDrained], [['b'], 1, false])
  connection.finish()
  await clock.settle()
  assert.equal(isDrained, true)
})

test('destroys every connection, those that are ending too', async () => {
  const { pool, receive, connection, connections, clock } = createConnected()
  await clock.advance(IDLE_MS)
  receive('b')
  await pool.destroy()
  assert.deepEqual([connection.endings, connections[1]!.endings], [['close', 'destroy'], ['destroy']])
  assert.deepEqual([pool.size, clock.timerCount], [0, 0])
  receive('c')
  assert.equal(connections.length, 2)
})
