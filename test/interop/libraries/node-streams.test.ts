import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough, Readable, Transform } from 'node:stream'
import { text } from 'node:stream/consumers'
import { finished, pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { createGunzip, createGzip } from 'node:zlib'
import type { Connection } from '../../../src/core/connection.ts'
import { openObfs4Link } from '../../support/obfs4-link.ts'

const echo = (socket: Connection): void => void pipeline(socket, socket).catch(() => {})

/** Chunks of odd sizes, 3 MB in all. */
function* oddChunks(): Generator<Buffer> {
  for (let index = 1; index <= 300; index++) yield randomBytes(1 + ((index * 7919) % 20_000))
}

test('pipeline carries a stream through a Connection and back', async (context) => {
  const link = await openObfs4Link(context, (socket) => void socket.pipe(new PassThrough()).pipe(socket))
  const [sent, received] = [createHash('sha256'), createHash('sha256')]
  const tap = new Transform({
    transform(chunk: Buffer, _encoding, callback) {
      sent.update(chunk)
      callback(null, chunk)
    },
  })
  await pipeline(Readable.from(oddChunks()), tap, createGzip(), link.connect(), createGunzip(), received)
  assert.equal(received.digest('hex'), sent.digest('hex'))
})

test('for await reads a Connection to its end', async (context) => {
  const link = await openObfs4Link(context, (socket) => socket.end('all of it'))
  const chunks: Buffer[] = []
  for await (const chunk of link.connect()) chunks.push(chunk as Buffer)
  assert.equal(Buffer.concat(chunks).toString(), 'all of it')
})

test('leaving a for await loop destroys the Connection', async (context) => {
  const link = await openObfs4Link(context, (socket) => {
    socket.on('error', () => {})
    socket.write('first')
  })
  const socket = link.connect()
  for await (const chunk of socket) {
    assert.equal(String(chunk), 'first')
    break
  }
  assert.equal(socket.destroyed, true)
})

test('finished resolves once both sides have ended', async (context) => {
  const link = await openObfs4Link(context, echo)
  const socket = link.connect()
  const whole = text(socket)
  socket.end('question')
  await finished(socket)
  assert.equal(await whole, 'question')
})

test('finished rejects with ERR_STREAM_PREMATURE_CLOSE when the Connection is destroyed', async (context) => {
  const link = await openObfs4Link(context, (socket) => void socket.on('error', () => {}))
  const socket = link.connect()
  await once(socket, 'connect')
  const end = finished(socket)
  socket.destroy()
  await assert.rejects(end, { code: 'ERR_STREAM_PREMATURE_CLOSE' })
})

test('setEncoding keeps characters whole that the wire cuts', async (context) => {
  const words = 'åß∂ƒ©𝔘𝔫𝔦𝔠𝔬𝔡𝔢 '.repeat(2_000)
  const link = await openObfs4Link(context, (socket) => socket.end(words))
  const socket = link.connect().setEncoding('utf8')
  let received = ''
  for await (const chunk of socket) received += chunk as string
  assert.equal(received, words)
})

test('a Listener is iterated with for await', async (context) => {
  const link = await openObfs4Link(context, () => {})
  const served = (async () => {
    const names: string[] = []
    for await (const socket of link.listener) {
      names.push(await text(socket))
      if (names.length === 3) return names
    }
    return names
  })()
  for (const name of ['a', 'b', 'c']) {
    const socket = link.connect()
    socket.resume().end(name)
    await finished(socket)
  }
  assert.deepEqual(await served, ['a', 'b', 'c'])
})
