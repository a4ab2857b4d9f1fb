import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { existsSync } from 'node:fs'
import { type NetConnectOpts, type Socket, connect } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Acceptor, ByteStream, ListenAddress } from '../../../src/core/platform.ts'
import { netBinder } from '../../../src/platform/net-binder.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

class Bound {
  readonly streams: ByteStream[] = []
  readonly #arrivals = new EventEmitter()
  #acceptor: Acceptor | undefined

  get acceptor(): Acceptor {
    return this.#acceptor!
  }

  async bind(address: ListenAddress, onStream?: () => void): Promise<void> {
    this.#acceptor = await netBinder.bind(address, {
      onStream: (stream) => {
        this.streams.push(stream.on('error', () => undefined))
        this.#arrivals.emit('stream')
        onStream?.()
      },
      onError: (error) => assert.fail(error),
    })
  }

  /** Resolves with the stream of this index, once it is there. */
  async stream(index: number): Promise<ByteStream> {
    while (this.streams.length <= index) await once(this.#arrivals, 'stream')
    return this.streams[index]!
  }
}

/** Binds, and ends everything with the test. */
async function bind(context: TestContext, address: ListenAddress, onStream?: () => void): Promise<Bound> {
  const bound = new Bound()
  await bound.bind(address, onStream)
  context.after(async () => {
    await bound.acceptor.close()
    for (const stream of bound.streams) stream.destroy()
  })
  return bound
}

function dial(context: TestContext, { address }: Acceptor): Socket {
  const options: NetConnectOpts =
    typeof address === 'string' ? { path: address } : { host: address.address, port: address.port }
  const socket = connect({ ...options, allowHalfOpen: true }).on('error', () => undefined)
  context.after(() => socket.destroy())
  return socket
}

for (const host of ['127.0.0.1', '::1']) {
  test(`accepts on ${host}, half-open and paused`, async (context) => {
    const bound = await bind(context, { host, port: 0 })
    assert.ok(typeof bound.acceptor.address === 'object')
    assert.equal(bound.acceptor.address.address, host)
    assert.ok(bound.acceptor.address.port > 0)
    const client = dial(context, bound.acceptor)
    client.end('hello')
    const accepted = await bound.stream(0)
    assert.equal(accepted.isPaused(), true)
    assert.equal(accepted.remotePort, client.localPort)
    accepted.resume()
    assert.equal(String((await once(accepted, 'data'))[0]), 'hello')
    await once(accepted, 'end')
    accepted.end('bye')
    assert.equal(String((await once(client, 'data'))[0]), 'bye')
  })
}

test('accepts on a UNIX socket path, and removes it when it closes', async (context) => {
  const path = join(await temporaryDirectory(context), 'socket')
  const bound = await bind(context, { path })
  assert.equal(bound.acceptor.address, path)
  dial(context, bound.acceptor).end('hello')
  const accepted = await bound.stream(0)
  accepted.resume()
  assert.equal(String((await once(accepted, 'data'))[0]), 'hello')
  await bound.acceptor.close()
  assert.equal(existsSync(path), false)
})

test('frees the address at once when it closes, while accepted streams live on', async (context) => {
  const first = await bind(context, { host: '127.0.0.1', port: 0 })
  const client = dial(context, first.acceptor)
  const accepted = await first.stream(0)
  await first.acceptor.close()
  await first.acceptor.close()
  assert.ok(typeof first.acceptor.address === 'object')
  const second = await bind(context, { host: '127.0.0.1', port: first.acceptor.address.port, exclusive: true })
  dial(context, second.acceptor)
  await second.stream(0)
  accepted.write('still here')
  assert.equal(String((await once(client, 'data'))[0]), 'still here')
  assert.equal(first.streams.length, 1)
})

test('hands on no stream after close(), and leaves none of those that wait open', async (context) => {
  const bound = await bind(context, { host: '127.0.0.1', port: 0 }, () => void bound.acceptor.close())
  const clients = Array.from({ length: 5 }, () => dial(context, bound.acceptor))
  for (const client of clients) client.resume()
  // All but the one that was handed on see an end.
  const served = (await bound.stream(0)).remotePort
  const others = clients.filter((client) => client.localPort !== served)
  assert.equal(others.length, 4)
  for (const client of others) if (!client.closed) await new Promise((resolve) => client.once('close', resolve))
  assert.equal(bound.streams.length, 1)
})

test("rejects with the system's error, or net's", async (context) => {
  const { acceptor } = await bind(context, { host: '127.0.0.1', port: 0 })
  assert.ok(typeof acceptor.address === 'object')
  const handlers = { onStream: () => undefined, onError: () => undefined }
  await assert.rejects(netBinder.bind({ host: '127.0.0.1', port: acceptor.address.port }, handlers), {
    code: 'EADDRINUSE',
  })
  await assert.rejects(netBinder.bind({ port: 65_536 }, handlers), { code: 'ERR_SOCKET_BAD_PORT' })
  const path = join(await temporaryDirectory(context), 'socket')
  await bind(context, { path })
  await assert.rejects(netBinder.bind({ path }, handlers), { code: 'EADDRINUSE' })
})
