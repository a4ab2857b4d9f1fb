import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { on, once } from 'node:events'
import http from 'node:http'
import { type TestContext, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { openObfs4Link } from '../../support/obfs4-link.ts'

async function openWebSockets(context: TestContext, onWebSocket: (socket: WebSocket) => void) {
  const server = http.createServer()
  const webSockets = new WebSocketServer({ server })
  webSockets.on('connection', onWebSocket)
  const link = await openObfs4Link(context, (socket) => server.emit('connection', socket))
  context.after(() => {
    for (const socket of webSockets.clients) socket.terminate()
  })
  return {
    webSockets,
    connect: () => new WebSocket('ws://site.test/', { createConnection: () => link.connect() }),
  }
}

const echo = (socket: WebSocket): void =>
  void socket.on('message', (data: Buffer, binary) => socket.send(data, { binary }))

test('ws exchanges text and binary messages of all frame sizes, in order', async (context) => {
  const { connect } = await openWebSockets(context, echo)
  const socket = connect()
  await once(socket, 'open')
  const sent = ['', 'text', ...[1, 125, 126, 65_535, 65_536, 1_000_000].map((length) => randomBytes(length))]
  for (const message of sent) socket.send(message)
  const received: (string | Buffer)[] = []
  for await (const [data, binary] of on(socket, 'message') as AsyncIterable<[Buffer, boolean]>) {
    received.push(binary ? data : data.toString())
    if (received.length === sent.length) break
  }
  assert.deepEqual(received, sent)
  socket.close()
  await once(socket, 'close')
})

test('ws answers a ping', async (context) => {
  const { connect } = await openWebSockets(context, echo)
  const socket = connect()
  await once(socket, 'open')
  const pong = once(socket, 'pong')
  socket.ping('are you there')
  assert.deepEqual(await pong, [Buffer.from('are you there')])
  socket.close()
  await once(socket, 'close')
})

test('ws closes with code and reason on both sides', async (context) => {
  const closed: Promise<unknown[]>[] = []
  const { connect } = await openWebSockets(context, (socket) => closed.push(once(socket, 'close')))
  const socket = connect()
  await once(socket, 'open')
  const ended = once(socket, 'close')
  socket.close(4001, 'enough')
  assert.deepEqual(await ended, [4001, Buffer.from('enough')])
  assert.deepEqual(await closed[0], [4001, Buffer.from('enough')])
})

test('ws sees a server that vanishes as an abnormal close', async (context) => {
  const { connect } = await openWebSockets(context, (socket) => socket.on('message', () => socket.terminate()))
  const socket = connect()
  await once(socket, 'open')
  socket.on('error', () => {})
  const closed = once(socket, 'close')
  socket.send('go away')
  assert.equal((await closed)[0], 1006)
})

test('ws pipes a stream of 4 MB both ways', async (context) => {
  const { connect } = await openWebSockets(context, echo)
  const socket = connect()
  await once(socket, 'open')
  const chunks = Array.from({ length: 64 }, () => randomBytes(62_500))
  const received: Buffer[] = []
  for (const chunk of chunks) socket.send(chunk)
  for await (const [data] of on(socket, 'message') as AsyncIterable<[Buffer]>) {
    if (received.push(data) === chunks.length) break
  }
  assert.deepEqual(Buffer.concat(received), Buffer.concat(chunks))
  socket.close()
  await once(socket, 'close')
})
