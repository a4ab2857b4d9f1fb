import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ByteStream, ListenAddress } from '../../../src/core/platform.ts'
import type { Link, MemoryPlatform } from '../../../src/testing/index.ts'
import { createMemoryPlatform, SeededRandom } from '../../../src/testing/index.ts'

const signal = new AbortController().signal
const HOST = '127.0.0.1'

describe('MemoryNetwork', () => {
  it('refuses a dial to where nobody listens, with the code of the system', async () => {
    const { network } = createMemoryPlatform()
    await assert.rejects(network.dial({ host: HOST, port: 80 }, { signal }), {
      code: 'ECONNREFUSED',
      syscall: 'connect',
    })
    await assert.rejects(network.dial({ path: '/none' }, { signal }), { code: 'ENOENT', syscall: 'connect' })
  })

  it('refuses to bind an address twice, and frees it on close', async () => {
    const { network } = createMemoryPlatform()
    const at = { host: HOST, port: 80 }
    const acceptor = await network.bind(at, ignoring)
    await assert.rejects(network.bind({ port: 80 }, ignoring), { code: 'EADDRINUSE', syscall: 'listen' })
    await acceptor.close()
    await (await network.bind(at, ignoring)).close()
    assert.equal(network.bindingCount, 0)
  })

  it('picks a port for port 0, and tells both ends the addresses', async () => {
    const { client, server } = await join(createMemoryPlatform(), { host: HOST, port: 0 })
    assert.ok(client.remotePort! > 0)
    assert.equal(client.remotePort, server.localPort)
    assert.equal(client.localPort, server.remotePort)
    assert.deepEqual([client.remoteAddress, client.remoteFamily], [HOST, 'IPv4'])
  })

  it('joins over a UNIX path', async () => {
    const platform = createMemoryPlatform()
    const { client, server, seen } = await join(platform, { path: '/run/a.sock' })
    client.write('x')
    await platform.clock.settle()
    assert.equal(seen(server), 'x')
  })

  it('aborts a dial that is held', async () => {
    const { network } = createMemoryPlatform()
    network.holdDials()
    const controller = new AbortController()
    const dial = network.dial({ host: HOST, port: 80 }, { signal: controller.signal })
    controller.abort(new RangeError('given'))
    await assert.rejects(dial, { message: 'given' })
  })

  it('ends each direction on its own', async () => {
    const platform = createMemoryPlatform()
    const { client, server, seen } = await join(platform)
    client.end('last')
    await platform.clock.settle()
    assert.equal(seen(server), 'last')
    assert.equal(server.readableEnded, true)
    server.end('answer')
    await platform.clock.settle()
    assert.equal(seen(client), 'answer')
    assert.deepEqual([client.closed, server.closed, platform.network.openStreamCount], [true, true, 0])
  })

  it('resets the peer of a stream that is destroyed with unread data, or reset', async () => {
    for (const how of ['unread', 'reset'] as const) {
      const platform = createMemoryPlatform()
      const { client, server, errors } = await join(platform)
      if (how === 'unread') {
        server.pause()
        client.write('unread')
        await platform.clock.settle()
        server.destroy()
      } else server.resetAndDestroy!()
      await platform.clock.settle()
      assert.deepEqual(errors(client), ['ECONNRESET'], how)
    }
  })

  it('ends the peer of a stream that is destroyed with nothing unread, and fails its writes', async () => {
    const platform = createMemoryPlatform()
    const { client, server, errors } = await join(platform)
    server.destroy()
    await platform.clock.settle()
    assert.equal(client.readableEnded, true)
    client.write('late')
    await platform.clock.settle()
    assert.deepEqual(errors(client), ['EPIPE'])
  })

  it('holds no more than its capacity and the buffers of the streams', async () => {
    const platform = createMemoryPlatform({ capacity: 1_000 })
    const { client, server, link, seen } = await join(platform)
    link.toServer.hold()
    let calledBack = 0
    for (let writes = 0; writes < 10; writes++) client.write(Buffer.alloc(600), () => calledBack++)
    await platform.clock.settle()
    assert.equal(calledBack, 1)
    assert.equal(client.writableLength > 0, true)
    link.toServer.release()
    await platform.clock.settle()
    assert.deepEqual([calledBack, seen(server).length], [10, 6_000])
  })
})

describe('the tap of a memory link', () => {
  it('chops, at random too, and coalesces', async () => {
    const lengths = async (tap: (link: Link) => void): Promise<number[]> => {
      const platform = createMemoryPlatform()
      platform.network.onLink = tap
      const { client, server } = await join(platform)
      const pieces: number[] = []
      server.on('data', (bytes: Buffer) => pieces.push(bytes.length))
      for (let writes = 0; writes < 5; writes++) client.write(Buffer.alloc(7))
      await platform.clock.settle()
      return pieces
    }
    assert.deepEqual((await lengths((link) => link.toServer.chop(3))).slice(0, 4), [3, 3, 1, 3])
    assert.deepEqual(await lengths((link) => link.toServer.coalesce()), [35])
    const random = await lengths((link) => link.toServer.chopRandomly(new SeededRandom(1), 4))
    assert.ok(random.every((length) => length >= 1 && length <= 4) && new Set(random).size > 1)
  })

  it('cuts at an offset with FIN, flips bits and records what was written', async () => {
    const platform = createMemoryPlatform()
    platform.network.onLink = ({ toServer }) => {
      toServer.truncate(4)
      toServer.flip(1, 0x20)
    }
    const { client, server, link, seen } = await join(platform)
    client.write('abc')
    client.write('defg')
    await platform.clock.settle()
    assert.equal(seen(server), 'aBcd')
    assert.deepEqual([server.readableEnded, link.toServer.isCut, String(link.toServer.sent)], [true, true, 'abcdefg'])
  })

  it('cuts with a reset of both ends', async () => {
    const platform = createMemoryPlatform()
    platform.network.onLink = (link) => link.toServer.truncate(2, 'reset')
    const { client, server, errors } = await join(platform)
    client.write('abc')
    await platform.clock.settle()
    assert.deepEqual([errors(client), errors(server)], [['ECONNRESET'], ['ECONNRESET']])
  })

  it('holds bytes and the FIN back', async () => {
    const platform = createMemoryPlatform()
    const { client, server, link, seen } = await join(platform)
    link.toServer.hold()
    link.toServer.holdEnd()
    client.end('abcdef')
    await platform.clock.settle()
    assert.equal(seen(server), '')
    link.toServer.release(2)
    await platform.clock.settle()
    assert.equal(seen(server), 'ab')
    link.toServer.release()
    await platform.clock.settle()
    assert.deepEqual([seen(server), server.readableEnded], ['abcdef', false])
    link.toServer.releaseEnd()
    await platform.clock.settle()
    assert.equal(server.readableEnded, true)
  })
})

const ignoring = { onStream: () => undefined, onError: () => undefined }

/** Binds, dials, reads both ends. */
async function join(platform: MemoryPlatform, at: ListenAddress = { host: HOST, port: 0 }) {
  const { network, clock } = platform
  let server: ByteStream | undefined
  const acceptor = await network.bind(at, { ...ignoring, onStream: (stream) => (server = stream) })
  const bound = acceptor.address
  const client = await network.dial(typeof bound === 'string' ? { path: bound } : { host: HOST, port: bound.port }, {
    signal,
  })
  await clock.settle()
  const texts = new Map<ByteStream, string>()
  const codes = new Map<ByteStream, string[]>()
  for (const stream of [client, server!]) {
    stream.on('data', (bytes: Buffer) => texts.set(stream, (texts.get(stream) ?? '') + String(bytes)))
    stream.on('error', (error: Error & { code?: string }) =>
      codes.set(stream, [...(codes.get(stream) ?? []), error.code!]),
    )
  }
  return {
    client,
    server: server!,
    link: network.links[0]!,
    seen: (stream: ByteStream) => texts.get(stream) ?? '',
    errors: (stream: ByteStream) => codes.get(stream) ?? [],
  }
}
