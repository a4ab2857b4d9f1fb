import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import { buffer, text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import type { Connection } from '../../../src/core/connection.ts'
import { openObfs4Link } from '../../support/obfs4-link.ts'

/** An http.Agent whose sockets are obfs4 connections to a real HTTP server. */
async function openAgent(context: TestContext, onRequest: http.RequestListener, options: http.AgentOptions = {}) {
  const server = http.createServer(onRequest)
  const link = await openObfs4Link(context, (socket) => server.emit('connection', socket))
  const sockets: Connection[] = []
  const agent = new http.Agent(options)
  agent.createConnection = () => {
    const socket = link.connect()
    sockets.push(socket)
    return socket
  }
  context.after(() => agent.destroy())
  return { agent, sockets, server }
}

async function send(request: http.ClientRequest, body?: Buffer): Promise<http.IncomingMessage> {
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  return response
}

test('http.Agent keeps one connection alive over several requests', async (context) => {
  const { agent, sockets } = await openAgent(context, (request, response) => response.end(`page ${request.url}`), {
    keepAlive: true,
    maxSockets: 1,
  })
  for (const path of ['/a', '/b', '/c']) {
    const response = await send(http.request({ host: 'site.test', path, agent }))
    assert.equal(response.statusCode, 200)
    assert.equal(await text(response), `page ${path}`)
  }
  assert.equal(sockets.length, 1)
  assert.equal(sockets[0]!.destroyed, false)
})

test('http.Agent runs parallel requests on parallel connections', async (context) => {
  const { agent, sockets } = await openAgent(context, (request, response) => response.end(request.url))
  const paths = Array.from({ length: 10 }, (_, index) => `/${index}`)
  const texts = await Promise.all(
    paths.map(async (path) => text(await send(http.request({ host: 'site.test', path, agent })))),
  )
  assert.deepEqual(texts, paths)
  assert.equal(sockets.length, 10)
})

test('http.Agent carries the bodies of requests and responses', async (context) => {
  const body = randomBytes(3_000_000)
  const { agent } = await openAgent(context, (request, response) => void request.pipe(response))
  const headers = { 'content-length': body.length }
  const response = await send(http.request({ host: 'site.test', method: 'POST', headers, agent }), body)
  const digest = createHash('sha256')
    .update(await buffer(response))
    .digest('hex')
  assert.equal(digest, createHash('sha256').update(body).digest('hex'))
})

test('http.Agent hands the connection over on an upgrade', async (context) => {
  const { agent, sockets, server } = await openAgent(context, (_request, response) => response.end())
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello ')
    socket.pipe(socket)
  })
  const request = http.request({ host: 'site.test', headers: { connection: 'Upgrade', upgrade: 'echo' }, agent })
  request.end()
  const [response, socket, head] = (await once(request, 'upgrade')) as [http.IncomingMessage, Connection, Buffer]
  assert.equal(response.statusCode, 101)
  assert.equal(socket, sockets[0])
  socket.end('world')
  assert.equal(head.toString() + (await text(socket)), 'hello world')
})

test('http.Agent notices that the server says nothing for the timeout', async (context) => {
  const { agent, sockets } = await openAgent(context, () => {})
  const request = http.request({ host: 'site.test', agent, timeout: 50 })
  request.end()
  await once(request, 'timeout')
  const failed = once(request, 'error')
  request.destroy()
  const [error] = (await failed) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNRESET')
  assert.equal(sockets[0]!.destroyed, true)
})

test('http.Agent closes its idle connections when it is destroyed', async (context) => {
  const { agent, sockets } = await openAgent(context, (_request, response) => response.end('page'), { keepAlive: true })
  const response = await send(http.request({ host: 'site.test', agent }))
  const freed = once(agent, 'free')
  await text(response)
  await freed
  const closed = once(sockets[0]!, 'close')
  agent.destroy()
  await closed
})

test('http.Agent reports a server that hangs up in mid-response as ECONNRESET', async (context) => {
  const { agent } = await openAgent(context, (_request, response) => {
    response.writeHead(200, { 'content-length': 100 })
    response.write('a part', () => response.socket!.destroySoon())
  })
  const response = await send(http.request({ host: 'site.test', agent }))
  await assert.rejects(text(response), { code: 'ECONNRESET' })
})
