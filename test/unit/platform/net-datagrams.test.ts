import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Socket, createSocket } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import { type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { DatagramAddress, DatagramHandlers, DatagramSocket, UdpAddress } from '../../../src/core/platform.ts'
import { createNetDatagrams, type NetDatagramsSettings } from '../../../src/platform/net-datagrams.ts'

const LONGEST = 65_507
const signal = new AbortController().signal
const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'))

interface End {
  readonly socket: DatagramSocket
  readonly errors: Error[]
  /** The next datagram that has not been asked for. */
  next(): Promise<{ readonly datagram: Buffer; readonly source: DatagramAddress }>
  readonly waiting: { readonly datagram: Buffer; readonly source: DatagramAddress }[]
}

async function end(
  context: TestContext,
  openSocket: (handlers: DatagramHandlers) => Promise<DatagramSocket>,
): Promise<End> {
  const waiting: { datagram: Buffer; source: DatagramAddress }[] = []
  const errors: Error[] = []
  let wake = (): void => {}
  const socket = await openSocket({
    onMessage: (datagram, source) => {
      waiting.push({ datagram, source })
      wake()
    },
    onError: (error) => errors.push(error),
  })
  context.after(() => socket.close())
  return {
    socket,
    errors,
    waiting,
    async next() {
      while (waiting.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      return waiting.shift()!
    },
  }
}

const bound = (context: TestContext, host: string, settings?: NetDatagramsSettings): Promise<End> =>
  end(context, (handlers) => createNetDatagrams(settings).bind({ host, port: 0 }, handlers))

const connected = (context: TestContext, remote: UdpAddress, settings?: NetDatagramsSettings): Promise<End> =>
  end(context, (handlers) => createNetDatagrams(settings).connect(remote, handlers, { signal }))

const at = ({ address, port }: DatagramAddress): UdpAddress => ({ host: address, port })

function send(socket: DatagramSocket, datagram: Uint8Array, to?: UdpAddress): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => socket.send(datagram, to, resolve))
}

for (const [host, family] of [
  ['127.0.0.1', 'IPv4'],
  ['::1', 'IPv6'],
] as const) {
  test(`carries datagrams both ways over ${family}`, { skip: family === 'IPv6' && !hasIPv6 }, async (context) => {
    const server = await bound(context, host)
    const client = await connected(context, at(server.socket.address))
    assert.deepEqual(client.socket.remote, server.socket.address)
    assert.equal(server.socket.remote, undefined)
    assert.equal(client.socket.address.family, family)
    assert.equal(await send(client.socket, Buffer.from('ask')), null)
    const { datagram, source } = await server.next()
    assert.equal(datagram.toString(), 'ask')
    assert.deepEqual([source.address, source.family, source.port], Object.values(client.socket.address))
    server.socket.send(Buffer.from('answer'), at(source))
    assert.equal((await client.next()).datagram.toString(), 'answer')
  })
}

test('looks a name up', async (context) => {
  const server = await bound(context, '127.0.0.1')
  const client = await connected(
    context,
    { host: 'localhost', port: server.socket.address.port },
    { localAddress: '127.0.0.1' },
  )
  client.socket.send(Buffer.from('by name'))
  assert.equal((await server.next()).datagram.toString(), 'by name')
})

test('asks the injected resolver, and takes the first address that the system has a way to', async (context) => {
  const server = await bound(context, '127.0.0.1')
  const asked: string[] = []
  const client = await connected(
    context,
    { host: 'bridge.invalid', port: server.socket.address.port },
    {
      lookup: (name, _options, callback) => {
        asked.push(name)
        // Never given to a host: to connect to it fails at once, whether or not there is IPv6.
        callback(null, [
          { address: 'fe80::1', family: 6 },
          { address: '127.0.0.1', family: 4 },
        ])
      },
    },
  )
  assert.deepEqual([asked, client.socket.remote?.address], [['bridge.invalid'], '127.0.0.1'])
})

test('takes a resolver that answers with one address', async (context) => {
  const server = await bound(context, 'listener.invalid', {
    lookup: (_name, _options, callback) => callback(null, '127.0.0.1', 4),
  })
  assert.equal(server.socket.address.address, '127.0.0.1')
})

test('rejects with the error of the resolver, or ENOTFOUND where it finds nothing', async () => {
  const handlers = { onMessage: () => undefined, onError: () => undefined }
  const failing = createNetDatagrams({ lookup: (_n, _o, callback) => callback(new RangeError('given'), '') })
  await assert.rejects(failing.connect({ host: 'a.invalid', port: 9 }, handlers, { signal }), { message: 'given' })
  const empty = createNetDatagrams({ lookup: (_n, _o, callback) => callback(null, []) })
  await assert.rejects(empty.connect({ host: 'a.invalid', port: 9 }, handlers, { signal }), { code: 'ENOTFOUND' })
})

test('sends from the local address it is given', async (context) => {
  const server = await bound(context, '127.0.0.1')
  const settings = { localAddress: '127.0.0.2' }
  const client = await connected(context, at(server.socket.address), settings)
  assert.equal(client.socket.address.address, '127.0.0.2')
  client.socket.send(Buffer.from('x'))
  assert.equal((await server.next()).source.address, '127.0.0.2')
})

test('carries 0 and 65,507 bytes; 65,508 cost themselves alone, with EMSGSIZE', async (context) => {
  const server = await bound(context, '127.0.0.1')
  const client = await connected(context, at(server.socket.address))
  assert.equal(await send(client.socket, Buffer.alloc(0)), null)
  assert.equal((await server.next()).datagram.length, 0)
  const longest = Buffer.alloc(LONGEST, 7)
  assert.equal(await send(client.socket, longest), null)
  assert.deepEqual((await server.next()).datagram, longest)
  assert.equal((await send(client.socket, Buffer.alloc(LONGEST + 1)))?.code, 'EMSGSIZE')
  assert.equal(await send(client.socket, Buffer.from('still there')), null)
  assert.equal((await server.next()).datagram.toString(), 'still there')
  assert.deepEqual([client.errors, server.errors], [[], []])
})

test('lives on after an ICMP refusal, which a later send may hear', async (context) => {
  const server = await bound(context, '127.0.0.1')
  const address = at(server.socket.address)
  await server.socket.close()
  const client = await connected(context, address)
  for (let index = 0; index < 20; index++) {
    const error = await send(client.socket, Buffer.from([index]))
    assert.ok(error === null || error.code === 'ECONNREFUSED', error?.code)
  }
  const again = await end(context, (handlers) => createNetDatagrams().bind(address, handlers))
  // The refusal of the last one may still be under way; it costs one at most.
  while (again.waiting.length === 0) {
    await send(client.socket, Buffer.from('back'))
    await setImmediate()
  }
  assert.equal((await again.next()).datagram.toString(), 'back')
  assert.deepEqual(client.errors, [])
})

test('lives on after an ICMP refusal that comes while it only receives', async (context) => {
  const server = await bound(context, '127.0.0.1')
  const address = at(server.socket.address)
  await server.socket.close()
  const client = await connected(context, address)
  await send(client.socket, Buffer.from('to nobody'))
  // On loopback the refusal is there already: the next turns read it.
  for (let turn = 0; turn < 20; turn++) await setImmediate()
  const again = await end(context, (handlers) => createNetDatagrams().bind(address, handlers))
  await send(again.socket, Buffer.from('to who is still there'), at(client.socket.address))
  assert.equal((await client.next()).datagram.toString(), 'to who is still there')
  assert.deepEqual(client.errors, [])
})

for (const [what, method, amount] of [
  ['bytes', 'getSendQueueSize', 1_048_576],
  ['datagrams', 'getSendQueueCount', 4_096],
] as const)
  test(`fails with ENOBUFS while too many ${what} wait for the system`, async (context) => {
    const server = await bound(context, '127.0.0.1')
    const client = await connected(context, at(server.socket.address))
    const waiting = context.mock.method(Socket.prototype, method, () => amount)
    assert.equal((await send(client.socket, Buffer.from('x')))?.code, 'ENOBUFS')
    waiting.mock.mockImplementation(() => amount - 1)
    assert.equal(await send(client.socket, Buffer.from('y')), null)
    waiting.mock.restore()
    assert.equal((await server.next()).datagram.toString(), 'y')
  })

test('lives on as a bound socket when a peer has gone', async (context) => {
  const [server, gone, other] = await Promise.all(
    ['127.0.0.1', '127.0.0.1', '127.0.0.1'].map((host) => bound(context, host)),
  )
  await gone!.socket.close()
  for (let index = 0; index < 5; index++) await send(server!.socket, Buffer.from('x'), at(gone!.socket.address))
  server!.socket.send(Buffer.from('to another'), at(other!.socket.address))
  assert.equal((await other!.next()).datagram.toString(), 'to another')
  assert.deepEqual(server!.errors, [])
})

test('receives on a connected socket from its peer alone', async (context) => {
  const [server, stranger] = await Promise.all([bound(context, '127.0.0.1'), bound(context, '127.0.0.1')])
  const client = await connected(context, at(server.socket.address))
  await send(stranger.socket, Buffer.from('spoofed'), at(client.socket.address))
  await send(server.socket, Buffer.from('genuine'), at(client.socket.address))
  assert.equal((await client.next()).datagram.toString(), 'genuine')
  assert.equal(client.waiting.length, 0)
})

test('reaches IPv4 peers from a socket of both families', { skip: !hasIPv6 }, async (context) => {
  const [server, client] = await Promise.all([bound(context, '::'), bound(context, '127.0.0.1')])
  assert.equal(await send(server.socket, Buffer.from('x'), at(client.socket.address)), null)
  const { source } = await client.next()
  assert.equal(source.port, server.socket.address.port)
  client.socket.send(Buffer.from('y'), at(source))
  assert.equal((await server.next()).source.address, '::ffff:127.0.0.1')
})

test('rejects with the error of a bind that fails', async (context) => {
  const server = await bound(context, '127.0.0.1')
  const handlers = { onMessage: () => undefined, onError: () => undefined }
  const datagrams = createNetDatagrams()
  await assert.rejects(datagrams.bind(at(server.socket.address), handlers), { code: 'EADDRINUSE', syscall: 'bind' })
  const elsewhere = createNetDatagrams({ localAddress: '192.0.2.1' })
  const to = at(server.socket.address)
  await assert.rejects(elsewhere.connect(to, handlers, { signal }), { code: 'EADDRNOTAVAIL', syscall: 'bind' })
})

test('never throws from send(), whatever the address', async (context) => {
  const server = await bound(context, '127.0.0.1')
  assert.equal(
    (await send(server.socket, Buffer.from('x'), { host: '127.0.0.1', port: 0 }))?.code,
    'ERR_SOCKET_BAD_PORT',
  )
  assert.equal((await send(server.socket, Buffer.from('x')))?.code, 'ERR_SOCKET_BAD_PORT')
  assert.equal((await send(server.socket, Buffer.from('x'), { host: 'a.invalid', port: 9 }))?.code, 'EINVAL')
  assert.equal((await send(server.socket, Buffer.from('x'), { host: '::1', port: 9 }))?.code, 'EINVAL')
  assert.deepEqual(server.errors, [])
})

test('closes more than once, frees the address, and fails what is sent afterwards', async (context) => {
  const server = await bound(context, '127.0.0.1')
  const [first, second] = [server.socket.close(), server.socket.close()]
  assert.equal((await send(server.socket, Buffer.from('x'), { host: '127.0.0.1', port: 9 }))?.code, 'EBADF')
  await Promise.all([first, second, server.socket.close()])
  const again = createSocket('udp4').bind(server.socket.address.port, '127.0.0.1')
  await once(again, 'listening')
  again.close()
})

test('lets what was sent before close() leave', async (context) => {
  const server = await bound(context, '127.0.0.1')
  const client = await connected(context, at(server.socket.address))
  const results: (Error | null)[] = []
  for (let index = 0; index < 20; index++) {
    client.socket.send(Buffer.alloc(1_000, index), undefined, (error) => results.push(error))
  }
  await client.socket.close()
  for (let index = 0; index < 20; index++) assert.equal((await server.next()).datagram[0], index)
  assert.deepEqual(
    results,
    Array.from({ length: 20 }, () => null),
  )
})

test('rejects with the reason of an abort: before, during the lookup, while connecting', async () => {
  const handlers = { onMessage: () => undefined, onError: () => undefined }
  const aborted = AbortSignal.abort(new RangeError('given'))
  const datagrams = createNetDatagrams()
  await assert.rejects(datagrams.connect({ host: '127.0.0.1', port: 9 }, handlers, { signal: aborted }), /given/)

  const controller = new AbortController()
  const never = createNetDatagrams({ lookup: () => undefined })
  void setImmediate().then(() => controller.abort(new RangeError('looking')))
  await assert.rejects(
    never.connect({ host: 'a.invalid', port: 9 }, handlers, { signal: controller.signal }),
    /looking/,
  )

  const late = new AbortController()
  const attempt = datagrams.connect({ host: '127.0.0.1', port: 9 }, handlers, { signal: late.signal })
  await Promise.resolve()
  late.abort(new RangeError('connecting'))
  await assert.rejects(attempt, /connecting/)
})
