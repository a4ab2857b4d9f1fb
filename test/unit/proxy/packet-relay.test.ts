import assert from 'node:assert/strict'
import { test } from 'node:test'
import { relayPackets } from '../../../src/proxy/packet-relay.ts'
import { FakeClock } from '../../../src/testing/index.ts'
import { ScriptedSocket } from '../../support/scripted-datagrams.ts'
import { ScriptedPackets, packetError } from '../../support/scripted-packets.ts'

const IDLE_MS = 1_000

/** A client's connection that is relayed. Its socket opens with openSocket(), or fails to. */
function createScene() {
  const clock = new FakeClock()
  const connection = new ScriptedPackets()
  connection.connecting = false
  const sockets: ScriptedSocket[] = []
  const refused: string[] = []
  let allow = (): void => {}
  let refuse = (_error: Error): void => {}
  const allowed = new Promise<void>((resolve, reject) => {
    allow = resolve
    refuse = reject
  })
  let signal: AbortSignal | undefined
  const relayed = relayPackets(connection, {
    clock,
    idleTimeoutMs: IDLE_MS,
    open: async (handlers, given) => {
      signal = given
      await allowed
      const socket = new ScriptedSocket(handlers)
      sockets.push(socket)
      return socket
    },
    onRefused: (error) => refused.push(error.message),
  }).then(
    () => 'ended',
    (error: Error) => error.message,
  )
  const openSocket = async (): Promise<ScriptedSocket> => {
    allow()
    await clock.settle()
    return sockets[0]!
  }
  return { clock, connection, sockets, refused, relayed, refuse, openSocket, signal: () => signal }
}

async function createOpen() {
  const scene = createScene()
  const socket = await scene.openSocket()
  return { ...scene, socket }
}

test('Packet received from the application server, no matching connection in the pool: it is dropped', async () => {
  const { connection, socket, relayed } = await createOpen()
  connection.finish()
  socket.bring('late')
  assert.deepEqual([await relayed, connection.written, socket.isClosed], ['ended', [], true])
})

test('Packet received from the application server, matching connection in the pool: it is sent by the connection', async () => {
  const { connection, socket, relayed } = await createOpen()
  for (const text of ['a', 'b']) socket.bring(text)
  assert.deepEqual(connection.written, ['a', 'b'])
  connection.finish()
  await relayed
})

test('Packet received from the client: it is sent to the application server', async () => {
  const { connection, socket, relayed } = await createOpen()
  for (const text of ['a', '', 'b']) connection.bring(text)
  assert.deepEqual(socket.sent, ['a', '', 'b'])
  connection.finish()
  await relayed
})

test('Connection closed: its socket is closed', async () => {
  const { connection, socket, relayed, clock } = await createOpen()
  connection.finish()
  assert.equal(await relayed, 'ended')
  assert.deepEqual([socket.isClosed, clock.timerCount], [true, 0])
})

test('Write failure sending packet: the connection is removed and the packet dropped', async () => {
  const { connection, socket, relayed } = await createOpen()
  connection.breakWith = new Error('reset')
  socket.bring('lost')
  assert.deepEqual([connection.written, socket.isClosed], [[], true])
  assert.equal(await relayed, 'ended')
})

test('does not count as packets what the client does not take', async () => {
  const { connection, socket, relayed, clock } = await createOpen()
  connection.failure = packetError('PT_PACKET_DROPPED')
  await clock.advance(IDLE_MS - 1)
  socket.bring('dropped')
  await clock.advance(1)
  assert.deepEqual(connection.endings, ['close'])
  connection.finish()
  await relayed
})

test('Write failure sending packet, the connection at its end: the socket is closed, the connection left to its end', async () => {
  const { connection, socket, relayed } = await createOpen()
  connection.end()
  socket.bring('lost')
  assert.deepEqual([connection.endings, socket.isClosed], [[], true])
  connection.finish()
  assert.equal(await relayed, 'ended')
})

for (const code of ['PT_PACKET_DROPPED', 'PT_PACKET_TOO_LONG', 'PT_PACKET_MALFORMED'])
  test(`keeps a connection that could not take one packet: ${code}`, async () => {
    const { connection, socket, relayed } = await createOpen()
    connection.failure = packetError(code)
    socket.bring('lost')
    connection.failure = undefined
    socket.bring('next')
    assert.deepEqual([connection.endings, connection.written, socket.isClosed], [[], ['next'], false])
    connection.finish()
    await relayed
  })

test('Timeout since last packet: the connection is removed and closed', async () => {
  const { connection, socket, relayed, clock } = await createOpen()
  await clock.advance(IDLE_MS - 1)
  connection.bring('question')
  await clock.advance(IDLE_MS - 1)
  socket.bring('answer')
  await clock.advance(IDLE_MS - 1)
  assert.deepEqual(connection.endings, [])
  await clock.advance(1)
  assert.deepEqual([connection.endings, socket.isClosed], [['close'], true])
  socket.bring('late')
  assert.deepEqual(connection.written, ['answer'])
  connection.finish()
  assert.equal(await relayed, 'ended')
})

test('keeps packets until the socket is there, the oldest dropped first', async () => {
  const { connection, openSocket, relayed } = createScene()
  for (let index = 0; index < 66; index++) connection.bring(String(index))
  const socket = await openSocket()
  assert.deepEqual([socket.sent.length, socket.sent[0], socket.sent.at(-1)], [64, '2', '65'])
  connection.finish()
  await relayed
})

test('keeps 64 KiB until the socket is there', async () => {
  const { connection, openSocket, relayed } = createScene()
  for (const letter of 'abc') connection.bring(letter.repeat(30_000))
  const { sent } = await openSocket()
  assert.deepEqual(
    sent.map((text) => text[0]),
    ['b', 'c'],
  )
  connection.finish()
  await relayed
})

test('lets the client go when the socket cannot be had, and tells why', async () => {
  const { connection, refuse, relayed, clock } = createScene()
  refuse(new Error('no such host'))
  assert.equal(await relayed, 'no such host')
  assert.deepEqual([connection.endings, clock.timerCount], [['destroy'], 0])
})

test('lets the client go when the socket fails, and tells why', async () => {
  const { connection, socket, relayed } = await createOpen()
  socket.fail(new Error('no more memory'))
  assert.equal(await relayed, 'no more memory')
  assert.deepEqual(connection.endings, ['destroy'])
})

test('gives up opening the socket of a client that has left, and says nothing', async () => {
  const { connection, signal, refuse, relayed } = createScene()
  connection.finish()
  assert.equal(signal()?.aborted, true)
  refuse(signal()!.reason as Error)
  assert.equal(await relayed, 'ended')
})

test('closes a socket that opens too late', async () => {
  const { connection, openSocket, relayed } = createScene()
  connection.bring('early')
  connection.finish()
  const socket = await openSocket()
  assert.equal(await relayed, 'ended')
  assert.deepEqual([socket.isClosed, socket.sent], [true, []])
})

test('goes on after packets that the system refuses, and tells once of each reason', async () => {
  const { connection, socket, refused, relayed } = await createOpen()
  for (const code of ['EMSGSIZE', 'EMSGSIZE', 'ECONNREFUSED', 'EMSGSIZE', 'ECONNREFUSED']) {
    socket.failure = packetError(code)
    connection.bring('lost')
  }
  socket.failure = undefined
  connection.bring('next')
  assert.deepEqual([refused, socket.sent, connection.endings], [['EMSGSIZE', 'ECONNREFUSED'], ['next'], []])
  connection.finish()
  await relayed
})

test('outlives the error of a connection', async () => {
  const { connection, socket, relayed } = await createOpen()
  connection.fail(new Error('reset'))
  assert.deepEqual([await relayed, socket.isClosed], ['ended', true])
})
