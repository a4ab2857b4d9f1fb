import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import http from 'node:http'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Agent, Client, type buildConnector, errors, fetch } from 'undici'
import type { Connection } from '../../../src/core/connection.ts'
import { openObfs4Link } from '../../support/obfs4-link.ts'

const ORIGIN = 'http://site.test'

async function openSite(context: TestContext, onRequest: http.RequestListener) {
  const server = http.createServer(onRequest)
  const link = await openObfs4Link(context, (socket) => server.emit('connection', socket))
  const sockets: Connection[] = []
  const connect: buildConnector.connector = (_options, callback) => {
    const socket = link.connect()
    sockets.push(socket)
    socket.once('error', (error) => callback(error, null))
    socket.once('connect', () => callback(null, socket as Socket))
  }
  return { connect, sockets }
}

test('undici.Client pipelines requests over one connection', async (context) => {
  const { connect, sockets } = await openSite(context, (request, response) => response.end(request.url))
  const client = new Client(ORIGIN, { connect, pipelining: 4 })
  const paths = Array.from({ length: 12 }, (_, index) => `/${index}`)
  const texts = await Promise.all(
    paths.map(async (path) => (await client.request({ method: 'GET', path })).body.text()),
  )
  assert.deepEqual(texts, paths)
  assert.equal(sockets.length, 1)
  await client.close()
  assert.equal(sockets[0]!.destroyed, true)
})

test('undici.Client carries a request body and its echo', async (context) => {
  const { connect } = await openSite(context, (request, response) => void request.pipe(response))
  const client = new Client(ORIGIN, { connect })
  const sent = randomBytes(2_000_000)
  const { body } = await client.request({ method: 'POST', path: '/', body: sent })
  assert.deepEqual(Buffer.from(await body.arrayBuffer()), sent)
  await client.close()
})

test('undici.Client gives up on a silent server after the headers timeout', async (context) => {
  const { connect, sockets } = await openSite(context, () => {})
  const client = new Client(ORIGIN, { connect, headersTimeout: 100 })
  await assert.rejects(client.request({ method: 'GET', path: '/' }), errors.HeadersTimeoutError)
  assert.equal(sockets[0]!.destroyed, true)
  await client.destroy()
})

test('undici.Client aborts a request by signal and drops its connection', async (context) => {
  const { connect, sockets } = await openSite(context, (_request, response) => void response.write('never whole'))
  const client = new Client(ORIGIN, { connect })
  const controller = new AbortController()
  const { body } = await client.request({ method: 'GET', path: '/', signal: controller.signal })
  controller.abort()
  await assert.rejects(body.text(), { name: 'AbortError' })
  assert.equal(sockets[0]!.destroyed, true)
  await client.destroy()
})

test('undici.fetch goes through an Agent with obfs4 connections', async (context) => {
  const { connect, sockets } = await openSite(context, (request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ path: request.url }))
  })
  const dispatcher = new Agent({ connect, connections: 1 })
  for (const path of ['/one', '/two']) {
    const response = await fetch(`${ORIGIN}${path}`, { dispatcher })
    assert.deepEqual(await response.json(), { path })
  }
  assert.equal(sockets.length, 1)
  await dispatcher.close()
})

test('undici.fetch streams a response of 5 MB', async (context) => {
  const sent = randomBytes(5_000_000)
  const { connect } = await openSite(context, (_request, response) => response.end(sent))
  const dispatcher = new Agent({ connect })
  const response = await fetch(ORIGIN, { dispatcher })
  const chunks: Uint8Array[] = []
  for await (const chunk of response.body!) chunks.push(chunk as Uint8Array)
  assert.deepEqual(Buffer.concat(chunks), sent)
  await dispatcher.close()
})
