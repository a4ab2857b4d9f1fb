import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import type { Listener } from '../../../src/core/listener.ts'
import type { PacketConnection, PacketOptions } from '../../../src/core/packets.ts'
import type { DatagramSocket, Datagrams } from '../../../src/core/platform.ts'
import type { ConnectOptions, FactorySettings, ListenOptions, Logger } from '../../../src/core/transport.ts'
import { createMemoryPlatform, type MemoryPlatform, plain, plainDatagrams } from '../../../src/testing/index.ts'

const HOST = '127.0.0.1'
const PORT = 443
const TAG = 0x50
const IDLE_MS = 120_000

/** One end, and all that happened to it. */
class Noted {
  readonly packets: PacketConnection
  readonly events: string[] = []
  readonly received: string[] = []
  error: (Error & { code?: string }) | undefined

  constructor(packets: PacketConnection) {
    this.packets = packets
    packets.on('connect', () => this.events.push('connect'))
    packets.on('message', (packet) => this.received.push(packet.toString()))
    packets.on('close', () => this.events.push('close'))
    packets.on('error', (error) => {
      this.events.push('error')
      this.error = error
    })
  }

  /** Sends, and resolves with the code of the failure, or the length. */
  send(packet: string | Uint8Array): Promise<unknown> {
    return new Promise((resolve) => {
      this.packets.send(packet, (error, length) => resolve(error === null ? length : Reflect.get(error, 'code')))
    })
  }
}

interface Scene {
  readonly platform: MemoryPlatform
  readonly listener: Listener
  readonly servers: Noted[]
  readonly events: string[]
  readonly connect: (options?: ConnectOptions & PacketOptions) => Noted
  /** Sends raw bytes to the listener from a socket of their own. */
  readonly stranger: (
    ...datagrams: Uint8Array[]
  ) => Promise<{ readonly socket: DatagramSocket; readonly received: Buffer[] }>
  /** Ends everything, and holds that nothing is left. */
  readonly close: () => Promise<void>
}

async function scene(
  listen: Omit<Extract<ListenOptions, { port: number }>, 'port'> = {},
  settings: FactorySettings = {},
): Promise<Scene> {
  const platform = createMemoryPlatform()
  const { clock, datagrams } = platform
  const listener = plainDatagrams
    .server({}, { platform, ...settings })
    .listen({ host: HOST, port: PORT, packets: true, ...listen })
  const [servers, clients, events]: [Noted[], Noted[], string[]] = [[], [], []]
  listener.on('packets', (packets) => servers.push(new Noted(packets)))
  listener.on('drop', () => events.push('drop'))
  listener.on('error', (error) => events.push(`error ${String(Reflect.get(error, 'code'))}`))
  listener.on('close', () => events.push('close'))
  await clock.settle()
  const factory = plainDatagrams.client({}, { platform, ...settings })
  return {
    platform,
    listener,
    servers,
    events,
    connect: (options) => {
      const client = new Noted(factory.connectPackets({ host: HOST, port: PORT, ...options }))
      clients.push(client)
      return client
    },
    stranger: async (...sent) => {
      const received: Buffer[] = []
      const handlers = { onMessage: (datagram: Buffer) => received.push(datagram), onError: () => undefined }
      const socket = await datagrams.bind({ host: HOST, port: 0 }, handlers)
      for (const each of sent) socket.send(each, { host: HOST, port: PORT })
      await clock.settle()
      return { socket, received }
    },
    close: async () => {
      for (const { packets } of [...clients, ...servers]) packets.destroy()
      listener.close()
      await clock.settle()
      assert.deepEqual([datagrams.openSocketCount, clock.timerCount], [0, 0])
      for (const { events: seen } of [...clients, ...servers])
        assert.equal(seen.filter((event) => event === 'close').length, 1, String(seen))
    },
  }
}

const tagged = (text: string): Buffer => Buffer.concat([Buffer.of(TAG), Buffer.from(text)])

describe('packets in datagrams of a transport', () => {
  it('tells peers of one port on different hosts apart', async () => {
    const { platform, servers, close } = await scene()
    const handlers = { onMessage: () => undefined, onError: () => undefined }
    const bound = await Promise.all(
      ['127.0.0.2', '127.0.0.3'].map((host) => platform.datagrams.bind({ host, port: 5353 }, handlers)),
    )
    for (const [index, socket] of bound.entries()) socket.send(tagged(`from ${index}`), { host: HOST, port: PORT })
    await platform.clock.settle()
    assert.deepEqual(
      servers.map(({ received }) => received),
      [['from 0'], ['from 1']],
    )
    for (const socket of bound) await socket.close()
    await close()
  })

  for (const unsafeLogging of [false, true])
    it(`${unsafeLogging ? 'keeps' : 'loses'} the address in the cause of a refused datagram with unsafeLogging ${unsafeLogging}`, async () => {
      const { connect, close } = await scene({}, { unsafeLogging })
      const client = connect({ host: '127.0.0.99', port: 9 })
      const error = await new Promise<Error>((resolve) => {
        client.packets.send('to nobody', (failure) => resolve(failure!))
      })
      assert.equal(Reflect.get(error.cause as object, 'code'), 'ECONNREFUSED')
      assert.equal(inspect(error).includes('127.0.0.99'), unsafeLogging)
      await close()
    })

  it('carries them both ways, each as one datagram', async () => {
    const { platform, servers, connect, close } = await scene()
    const client = connect()
    assert.deepEqual([await client.send('one'), await client.send(''), await client.send('three')], [3, 0, 5])
    assert.deepEqual(client.events, ['connect'])
    assert.deepEqual([servers.length, servers[0]!.received], [1, ['one', '', 'three']])
    assert.deepEqual(
      platform.datagrams.sent.map(({ bytes }) => bytes.toString()),
      ['Pone', 'P', 'Pthree'],
    )
    await servers[0]!.send('back')
    assert.deepEqual(client.received, ['back'])
    await close()
  })

  it('tells the addresses of both ends, and none before there is a socket', async () => {
    const { platform, listener, servers, connect, close } = await scene()
    const client = connect()
    assert.throws(() => client.packets.address(), { code: 'PT_NOT_CONNECTED' })
    await client.send('x')
    assert.deepEqual(client.packets.remoteAddress(), { address: HOST, family: 'IPv4', port: PORT })
    assert.deepEqual(servers[0]!.packets.remoteAddress(), client.packets.address())
    assert.deepEqual(servers[0]!.packets.address(), listener.address())
    await platform.clock.settle()
    await close()
  })

  it('keeps clients apart, and calls back with their number', async () => {
    const { listener, servers, connect, close } = await scene()
    const clients = [connect(), connect(), connect()]
    await Promise.all(clients.map((client, index) => client.send(String(index))))
    for (const server of servers) await server.send(`to ${server.received[0]}`)
    assert.deepEqual(
      clients.map(({ received }) => received),
      [['to 0'], ['to 1'], ['to 2']],
    )
    assert.equal(await new Promise((resolve) => listener.getConnections((_error, count) => resolve(count))), 3)
    await close()
  })

  it('gives who is not recognised no answer and no place', async () => {
    const { platform, servers, events, stranger, close } = await scene({ maxConnections: 1 })
    const { socket, received } = await stranger(Buffer.from('garbage'), Buffer.alloc(0), Buffer.alloc(65_507, 1))
    assert.deepEqual([servers.length, received.length, events, platform.clock.timerCount], [0, 0, [], 0])
    await socket.close()
    await close()
  })

  it('counts what is not recognised at a known address, and it keeps nothing alive', async () => {
    const { platform, servers, stranger, close } = await scene()
    const { socket } = await stranger(tagged('hello'))
    await platform.clock.advance(IDLE_MS - 1)
    socket.send(Buffer.from('garbage'), { host: HOST, port: PORT })
    await platform.clock.settle()
    assert.equal(servers[0]!.packets.counters.dropped.unreadable, 1)
    await platform.clock.advance(1)
    assert.deepEqual(servers[0]!.events, ['close'])
    await socket.close()
    await close()
  })

  it('ends a peer 120 s after its last packet, by default, and the client by nothing', async () => {
    const { platform, servers, connect, close } = await scene()
    const client = connect()
    await client.send('x')
    await platform.clock.advance(IDLE_MS - 1)
    await client.send('y')
    await platform.clock.advance(IDLE_MS - 1)
    assert.deepEqual(servers[0]!.events, [])
    await platform.clock.advance(1)
    assert.deepEqual([servers[0]!.events, client.events], [['close'], ['connect']])
    await client.send('z')
    assert.deepEqual([servers.length, servers[1]?.received], [2, ['z']])
    await close()
  })

  it('drops newcomers at maxConnections, with one "drop" each, until a peer ends', async () => {
    const { platform, servers, events, connect, close } = await scene({
      maxConnections: 1,
      packets: { idleTimeoutMs: 1_000 },
    })
    const [first, second] = [connect(), connect()]
    await first.send('first')
    await second.send('second')
    assert.deepEqual([servers.length, events], [1, ['drop']])
    await platform.clock.advance(1_000)
    await second.send('again')
    assert.deepEqual([servers.length, servers[1]!.received], [2, ['again']])
    await close()
  })

  it('costs a refused, a long or a late packet that packet alone', async () => {
    const { platform, listener, connect, close } = await scene()
    const client = connect()
    assert.equal(await client.send(Buffer.alloc(65_506)), 65_506)
    assert.equal(await client.send(Buffer.alloc(65_507)), 'PT_PACKET_TOO_LONG')
    listener.closeAllConnections()
    listener.close()
    await platform.clock.settle()
    assert.equal(await client.send('refused'), 'PT_PACKET_DROPPED')
    client.packets.close()
    assert.equal(await client.send('late'), 'PT_PACKET_DROPPED')
    const { dropped } = client.packets.counters
    assert.deepEqual([dropped.tooLong, dropped.unreadable, dropped.closed], [1, 1, 1])
    assert.equal(client.error, undefined)
    await close()
  })

  it('drops what is past the send buffer', async () => {
    const { connect, close } = await scene()
    const client = connect({ maxSendBuffer: 20 })
    await client.send('x')
    const results = await Promise.all(['0123456789', '012345678', 'more'].map((text) => client.send(text)))
    assert.deepEqual(results, [10, 'PT_PACKET_DROPPED', 4])
    await close()
  })

  it('lets packets leave on close(), before and after the socket is there', async () => {
    const { platform, servers, connect, close } = await scene()
    const client = connect()
    client.packets.send('early')
    client.packets.close()
    await platform.clock.settle()
    assert.deepEqual([client.events, servers[0]!.received], [['close'], ['early']])
    servers[0]!.packets.send('last')
    servers[0]!.packets.close()
    await platform.clock.settle()
    assert.deepEqual([servers[0]!.events, servers[0]!.packets.counters.sent], [['close'], 1])
    await close()
  })

  it('tells every callback and then the error on destroy()', async () => {
    const { platform, servers, connect, close } = await scene()
    const client = connect()
    await client.send('x')
    const [sent, told] = [client.send('unsent'), servers[0]!.send('unsent')]
    client.packets.destroy(new RangeError('given'))
    servers[0]!.packets.destroy()
    assert.deepEqual([await sent, await told], ['PT_PACKET_DROPPED', 'PT_PACKET_DROPPED'])
    await platform.clock.settle()
    assert.deepEqual([client.events, client.error?.message], [['connect', 'error', 'close'], 'given'])
    assert.deepEqual(servers[0]!.events, ['close'])
    await close()
  })

  it('lives on after the listener has closed, which ends with its last peer', async () => {
    const { platform, listener, servers, events, connect, stranger, close } = await scene()
    const client = connect()
    await client.send('x')
    listener.close()
    await client.send('still there')
    const { socket } = await stranger(tagged('too late'))
    assert.deepEqual([servers.length, servers[0]!.received, events], [1, ['x', 'still there'], []])
    await socket.close()
    await platform.clock.advance(IDLE_MS)
    assert.deepEqual([events, listener.address()], [['close'], null])
    await close()
  })

  it('ends all peers and itself when its socket fails, with a scrubbed error', async () => {
    const { platform, servers, events, connect, close } = await scene()
    const client = connect()
    await client.send('x')
    const failure = Object.assign(new Error(`read EIO ${HOST}`), { code: 'EIO', syscall: 'read', address: HOST })
    platform.datagrams.failSockets(failure)
    await platform.clock.settle()
    assert.deepEqual(events, ['error EIO', 'close'])
    for (const end of [client, servers[0]!])
      assert.deepEqual([end.error?.message, end.error?.code], ['read EIO', 'EIO'])
    await close()
  })

  it('tells a failure to bind or to connect, and a time-out', async () => {
    const { platform, close } = await scene()
    const errors: unknown[] = []
    const second = plainDatagrams.server({}, { platform }).listen({ host: HOST, port: PORT, packets: true })
    second.on('error', (error) => errors.push(Reflect.get(error, 'code')))
    const datagrams: Datagrams = { bind: () => assert.fail(), connect: () => new Promise<never>(() => {}) }
    const settings = { platform: { ...platform, datagrams }, dialTimeoutMs: 1_000 }
    const client = new Noted(plainDatagrams.client({}, settings).connectPackets(PORT, HOST))
    client.packets.send('never')
    await platform.clock.advance(1_000)
    assert.deepEqual(
      [errors, client.events, client.error?.code],
      [['EADDRINUSE'], ['error', 'close'], 'PT_DIAL_TIMEOUT'],
    )
    await close()
  })

  it('ends by its AbortSignal before and after it is there', async () => {
    const { platform, connect, close } = await scene()
    const controller = new AbortController()
    const [early, late] = [connect({ signal: AbortSignal.abort() }), connect({ signal: controller.signal })]
    await late.send('x')
    controller.abort()
    await platform.clock.settle()
    assert.deepEqual(
      [early.events, late.events],
      [
        ['error', 'close'],
        ['connect', 'error', 'close'],
      ],
    )
    assert.deepEqual([early.error?.name, late.error?.code], ['AbortError', 'ABORT_ERR'])
    await close()
  })

  it('falls back to IPv4 on a system without IPv6', async () => {
    const { platform, close } = await scene()
    const asked: string[] = []
    const datagrams = {
      connect: platform.datagrams.connect.bind(platform.datagrams),
      bind: (...[local, handlers]: Parameters<MemoryPlatform['datagrams']['bind']>) => {
        asked.push(local.host)
        const lacking = Object.assign(new Error('bind EAFNOSUPPORT'), { code: 'EAFNOSUPPORT', syscall: 'bind' })
        return local.host === '::' ? Promise.reject(lacking) : platform.datagrams.bind(local, handlers)
      },
    }
    const settings = { platform: { ...platform, datagrams } }
    const listener = plainDatagrams.server({}, settings).listen({ port: 9, packets: true })
    await platform.clock.settle()
    assert.deepEqual([asked, listener.listening], [['::', '0.0.0.0'], true])
    listener.close()
    await close()
  })

  it('throws before any I/O for what datagrams cannot do', async () => {
    const { platform, listener, close } = await scene()
    const [server, client] = [plainDatagrams.server({}, { platform }), plainDatagrams.client({}, { platform })]
    assert.throws(() => client.connectPackets('/run/socket'), { code: 'PT_ADDRESS_INVALID' })
    assert.throws(() => server.listen({ path: '/run/socket', packets: true }), { code: 'PT_ADDRESS_INVALID' })
    assert.throws(() => server.listen({ port: 0, ipv6Only: true, packets: true }), { code: 'PT_OPTION_INVALID' })
    const streams = plain.client({}, { platform })
    const asked = { host: HOST, port: PORT, framing: 'datagrams' } as const
    assert.throws(() => streams.connectPackets(asked), { code: 'PT_PACKETS_UNSUPPORTED' })
    await assert.rejects(listener[Symbol.asyncIterator]().next(), { code: 'PT_LISTENER_STATE' })
    await close()
  })

  it('tells the log of both ends, without an address', async () => {
    const told: string[] = []
    const logger: Logger = { debug: (event, fields) => told.push(`${event} ${JSON.stringify(fields)}`) }
    const { connect, close } = await scene({}, { logger })
    await connect().send('four')
    await close()
    const nothingDropped = '"dropped":{"full":0,"tooLong":0,"malformed":0,"closed":0,"unreadable":0}'
    assert.deepEqual(told.toSorted(), [
      `connection:close {"transport":"plain_datagrams","role":"client","bytesRead":0,"bytesWritten":4,"wireBytesRead":0,"wireBytesWritten":5,${nothingDropped}}`,
      `connection:close {"transport":"plain_datagrams","role":"server","bytesRead":4,"bytesWritten":0,"wireBytesRead":5,"wireBytesWritten":0,${nothingDropped}}`,
      'connection:open {"transport":"plain_datagrams","role":"client"}',
      'connection:open {"transport":"plain_datagrams","role":"server"}',
    ])
  })
})
