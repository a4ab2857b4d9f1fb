import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DatagramHandlers, DatagramSocket } from '../../../src/core/platform.ts'
import { createMemoryPlatform, MemoryDatagrams } from '../../../src/testing/index.ts'
import { turn } from '../../../src/testing/fake-clock.ts'

const { signal } = new AbortController()
const HOST = '127.0.0.1'
const SERVER = { host: HOST, port: 53 }

interface End {
  readonly socket: DatagramSocket
  readonly received: string[]
  readonly errors: Error[]
  readonly sources: number[]
}

async function end(openSocket: (handlers: DatagramHandlers) => Promise<DatagramSocket>): Promise<End> {
  const [received, errors, sources]: [string[], Error[], number[]] = [[], [], []]
  const socket = await openSocket({
    onMessage: (datagram, source) => {
      received.push(datagram.toString())
      sources.push(source.port)
    },
    onError: (error) => errors.push(error),
  })
  return { socket, received, errors, sources }
}

async function pair(
  datagrams = new MemoryDatagrams(),
): Promise<{ datagrams: MemoryDatagrams; server: End; client: End }> {
  const server = await end((handlers) => datagrams.bind(SERVER, handlers))
  const client = await end((handlers) => datagrams.connect(SERVER, handlers, { signal }))
  return { datagrams, server, client }
}

function send(socket: DatagramSocket, datagram: string | Uint8Array): Promise<(Error & { code?: string }) | null> {
  return new Promise((resolve) => socket.send(Buffer.from(datagram), undefined, resolve))
}

function sendAll({ socket }: End, ...texts: string[]): void {
  for (const text of texts) socket.send(Buffer.from(text))
}

describe('MemoryDatagrams', () => {
  it('delivers both ways in later turns, with the address of the sender', async () => {
    const { server, client } = await pair()
    sendAll(client, 'a', '', 'c')
    assert.deepEqual(server.received, [])
    await turn()
    assert.deepEqual(server.received, ['a', '', 'c'])
    assert.equal(server.sources[0], client.socket.address.port)
    server.socket.send(Buffer.from('back'), { host: HOST, port: client.socket.address.port })
    await turn()
    assert.deepEqual(client.received, ['back'])
  })

  it('copies what it is given', async () => {
    const { server, client } = await pair()
    const bytes = Buffer.from('before')
    client.socket.send(bytes)
    bytes.fill('x')
    await turn()
    assert.deepEqual(server.received, ['before'])
  })

  it('carries 65,507 bytes and refuses one more with EMSGSIZE', async () => {
    const { server, client } = await pair()
    assert.equal(await send(client.socket, Buffer.alloc(65_507)), null)
    assert.equal((await send(client.socket, Buffer.alloc(65_508)))?.code, 'EMSGSIZE')
    assert.deepEqual([server.received.map((text) => text.length), client.errors], [[65_507], []])
  })

  it('refuses a connected socket what it sends to nobody, and tells an unconnected one nothing', async () => {
    const { server, client } = await pair()
    await server.socket.close()
    assert.equal((await send(client.socket, 'x'))?.code, 'ECONNREFUSED')
    const other = await end((handlers) => new MemoryDatagrams().bind({ host: HOST, port: 0 }, handlers))
    assert.equal(await new Promise((resolve) => other.socket.send(Buffer.from('x'), SERVER, resolve)), null)
    assert.deepEqual([client.errors, other.errors], [[], []])
  })

  it('gives a connected socket the datagrams of its peer alone', async () => {
    const { datagrams, server, client } = await pair()
    const stranger = await end((handlers) => datagrams.bind({ host: HOST, port: 0 }, handlers))
    const to = { host: HOST, port: client.socket.address.port }
    stranger.socket.send(Buffer.from('spoofed'), to)
    server.socket.send(Buffer.from('genuine'), to)
    await turn()
    assert.deepEqual(client.received, ['genuine'])
  })

  it('loses, doubles and alters what the tap says', async () => {
    const { datagrams, server, client } = await pair()
    datagrams.tap = (passage) => {
      const text = passage.bytes.toString()
      if (text === 'lost') return []
      return text === 'twice' ? [passage, passage] : [{ ...passage, bytes: Buffer.from('altered') }]
    }
    assert.equal(await send(client.socket, 'lost'), null)
    sendAll(client, 'twice', 'other')
    await turn()
    assert.deepEqual(server.received, ['twice', 'twice', 'altered'])
    assert.deepEqual(
      datagrams.sent.map(({ bytes }) => bytes.toString()),
      ['lost', 'twice', 'other'],
    )
  })

  it('holds datagrams, and releases them in another order', async () => {
    const { datagrams, server, client } = await pair()
    datagrams.hold()
    assert.equal(await send(client.socket, 'a'), null)
    sendAll(client, 'b', 'c')
    await turn()
    assert.deepEqual(server.received, [])
    datagrams.release((held) => held.toReversed())
    await turn()
    assert.deepEqual(server.received, ['c', 'b', 'a'])
  })

  it('loses what finds no room, unheard, but for one of any length', async () => {
    const { datagrams, server, client } = await pair(new MemoryDatagrams(3))
    sendAll(client, 'ab', 'cd')
    assert.equal(await send(client.socket, 'e'), null)
    assert.deepEqual([server.received, datagrams.lostCount], [['ab', 'e'], 1])
    sendAll(client, 'longer')
    await turn()
    assert.deepEqual(server.received, ['ab', 'e', 'longer'])
  })

  it('refuses to bind an address twice, and frees it on close', async () => {
    const { datagrams, server } = await pair()
    const handlers = { onMessage: () => undefined, onError: () => undefined }
    await assert.rejects(datagrams.bind({ host: '::', port: 53 }, handlers), { code: 'EADDRINUSE' })
    await Promise.all([server.socket.close(), server.socket.close()])
    assert.equal((await send(server.socket, 'x'))?.code, 'EBADF')
    assert.equal((await datagrams.bind(SERVER, handlers)).address.port, 53)
  })

  it('answers from a socket on every address as the one that was asked', async () => {
    const datagrams = new MemoryDatagrams()
    const server = await end((handlers) => datagrams.bind({ host: '::', port: 53 }, handlers))
    const client = await end((handlers) => datagrams.connect(SERVER, handlers, { signal }))
    sendAll(client, 'x')
    await turn()
    server.socket.send(Buffer.from('y'), { host: HOST, port: client.socket.address.port })
    await turn()
    assert.deepEqual(client.received, ['y'])
  })

  it('ends every socket with an error on request, closed by then', async () => {
    const { datagrams, server, client } = await pair()
    datagrams.failSockets(new RangeError('given'))
    assert.deepEqual([server.errors.length, client.errors.length, datagrams.openSocketCount], [1, 1, 0])
  })

  it('aborts a connect with the reason', async () => {
    const controller = new AbortController()
    const { datagrams } = createMemoryPlatform()
    const handlers = { onMessage: () => undefined, onError: () => undefined }
    const attempt = datagrams.connect(SERVER, handlers, { signal: controller.signal })
    controller.abort(new RangeError('given'))
    await assert.rejects(attempt, { message: 'given' })
    assert.equal(datagrams.openSocketCount, 0)
  })

  it('keeps a clock that settles waiting until all has arrived', async () => {
    const { clock, datagrams } = createMemoryPlatform()
    let left = 10
    const { server, client } = await pair(datagrams)
    const reply = (): void => {
      if (left-- > 0) client.socket.send(Buffer.from('again'), undefined, reply)
    }
    reply()
    await clock.settle()
    assert.equal(server.received.length, 10)
  })
})
