import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { Connection } from '../../../src/core/connection.ts'
import type { Listener } from '../../../src/core/listener.ts'
import { DATAGRAM_IDLE_TIMEOUT_MS } from '../../../src/core/packet-settings.ts'
import type { PacketConnection } from '../../../src/core/packets.ts'
import type { ByteStream } from '../../../src/core/platform.ts'
import { isPublicAddress } from '../../../src/proxy/public-address.ts'
import {
  MAX_PACKET_TARGETS,
  MAX_WAITING_PACKETS,
  PACKET_NAME_LIFETIME_MS,
  relayTargetPackets,
} from '../../../src/proxy/target-packet-relay.ts'
import { relayToTargets, TARGET_IDLE_MS } from '../../../src/proxy/target-relay.ts'
import type { Lookup } from '../../../src/proxy/target-resolver.ts'
import { createMemoryPlatform, type MemoryPlatform } from '../../../src/testing/index.ts'
import { shadowsocks } from '../../../src/transports/shadowsocks/index.ts'

const HOST = '127.0.0.1'
const PORT = 443
const PUBLIC = '93.184.216.34'
const SWALLOWING = '93.184.216.77'
/** Where nobody listens. */
const REFUSING = ['8.8.8.1', '8.8.8.2', '8.8.8.3']
const OPTIONS = { method: 'aes-256-gcm', password: 'p' } as const

interface Scene {
  readonly platform: MemoryPlatform
  readonly asked: string[]
  /** Streams that reached the target at PUBLIC, port 80. */
  readonly arrived: ByteStream[]
  readonly connect: (host: string, port?: number) => Connection
}

interface Options {
  readonly packets?: boolean
  readonly allowPrivate?: boolean
  /** What the resolver knows. */
  readonly names?: Readonly<Record<string, readonly string[]>>
  /** What its answers wait for. */
  readonly untilAnswered?: Promise<void>
}

async function inScene(
  play: (scene: Scene) => Promise<void>,
  { packets = false, allowPrivate = false, names = {}, untilAnswered }: Options = {},
): Promise<void> {
  const platform = createMemoryPlatform()
  const { network, datagrams, clock } = platform
  const [asked, arrived]: [string[], ByteStream[]] = [[], []]
  const onStream = (stream: ByteStream): void => void arrived.push(stream)
  const acceptor = await network.bind({ host: PUBLIC, port: 80 }, { onStream, onError: assert.fail })
  const listener = shadowsocks
    .server(OPTIONS, { platform })
    .listen({ host: HOST, port: PORT, allowHalfOpen: true, ...(packets && { packets: true as const }) })
  const lookup: Lookup = async (host) => {
    asked.push(host)
    await untilAnswered
    return names[host] ?? []
  }
  relayToTargets(listener, { dialer: network, datagrams, clock, lookup, allowPrivate })
  const client = shadowsocks.client({ ...OPTIONS, serverAddress: { host: HOST, port: PORT } }, { platform })
  await clock.settle()
  const connections: Connection[] = []
  const connect = (host: string, port = 80): Connection => {
    const connection = client.connect({ host, port, allowHalfOpen: true })
    connection.on('error', () => {})
    connections.push(connection)
    return connection
  }
  await play({ platform, asked, arrived, connect })
  for (const connection of connections) connection.destroy()
  listener.close()
  listener.closeAllConnections()
  for (const stream of arrived) stream.destroy()
  await acceptor.close()
  await clock.settle()
  assert.equal(network.openStreamCount, 0)
  assert.equal(datagrams.openSocketCount, 0)
  assert.equal(clock.timerCount, 0)
}

test('a client reaches the target that it names, and ends pass one by one', () =>
  inScene(async ({ platform: { clock }, arrived, connect }) => {
    const near = connect(PUBLIC)
    near.end('question')
    await clock.advance(20)
    const far = arrived[0]!
    const heard: string[] = []
    far.on('data', (bytes: Buffer) => heard.push(bytes.toString()))
    await once(far, 'end')
    assert.deepEqual(heard, ['question'])
    far.end('answer')
    near.on('data', (bytes: Buffer) => heard.push(bytes.toString()))
    await once(near, 'end')
    assert.deepEqual(heard, ['question', 'answer'])
  }))

test('a name is looked up once, and the address that was checked is dialled', () =>
  inScene(
    async ({ platform: { clock, network }, asked, arrived, connect }) => {
      connect('mixed.example').write('x')
      await clock.advance(20)
      assert.deepEqual(asked, ['mixed.example'])
      assert.equal(arrived.length, 1)
      const closed = ['inside.example', 'nowhere.example', '10.0.0.1', '::ffff:127.0.0.1', 'localhost'].map((host) => {
        const connection = connect(host)
        connection.write('x')
        return once(connection.resume(), 'end')
      })
      const linkCount = network.links.length
      await clock.advance(20)
      await Promise.all(closed)
      assert.equal(network.links.length, linkCount + closed.length, 'nothing was dialled for those but the server')
      assert.equal(arrived.length, 1)
    },
    { names: { 'mixed.example': ['192.168.0.1', PUBLIC], 'inside.example': ['10.0.0.7'], localhost: [HOST, '::1'] } },
  ))

test('an address that swallows everything does not keep a client from the next', () =>
  inScene(
    async ({ platform: { clock, network }, arrived, connect }) => {
      const dial = network.dial.bind(network)
      network.dial = (address, { signal }) => {
        if (!('host' in address) || address.host !== SWALLOWING) return dial(address, { signal })
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }
      connect('two.example').write('x')
      await clock.advance(4_000)
      assert.equal(arrived.length, 0)
      await clock.advance(2_000)
      assert.equal(arrived.length, 1)
    },
    { names: { 'two.example': [SWALLOWING, PUBLIC] } },
  ))

test('four addresses of a name are tried, not a fifth', () =>
  inScene(
    async ({ platform: { clock }, arrived, connect }) => {
      connect('five.example').write('x')
      await clock.advance(20)
      assert.equal(arrived.length, 0)
      connect('four.example').write('x')
      await clock.advance(20)
      assert.equal(arrived.length, 1)
    },
    { names: { 'five.example': [...REFUSING, '8.8.8.4', PUBLIC], 'four.example': [...REFUSING, PUBLIC] } },
  ))

test('private targets are reached where they are allowed', () =>
  inScene(
    async ({ platform: { clock, network }, connect }) => {
      const arrived: ByteStream[] = []
      const onStream = (stream: ByteStream): void => void arrived.push(stream)
      const acceptor = await network.bind({ host: HOST, port: 81 }, { onStream, onError: assert.fail })
      connect(HOST, 81).write('x')
      await clock.advance(20)
      assert.equal(arrived.length, 1)
      arrived[0]!.destroy()
      await acceptor.close()
    },
    { allowPrivate: true },
  ))

test('a relay without a byte ends after its idle time', () =>
  inScene(async ({ platform: { clock }, arrived, connect }) => {
    const near = connect(PUBLIC)
    await clock.advance(20)
    const far = arrived[0]!
    far.on('error', () => {}).resume()
    await clock.advance(TARGET_IDLE_MS - 1000)
    assert.equal(far.closed, false)
    near.resume()
    await clock.advance(2000)
    await clock.advance(60_000)
    assert.deepEqual([near.readableEnded, far.closed], [true, true])
  }))

test('packets of one client go to many targets, and only those may answer', () =>
  inScene(
    async ({ platform, asked }) => {
      const { datagrams, clock } = platform
      const received: string[] = []
      const target = await datagrams.bind(
        { host: PUBLIC, port: 53 },
        {
          onMessage: (datagram, source) => {
            received.push(datagram.toString())
            target.send(Buffer.from('answer'), { host: source.address, port: source.port })
            stranger.send(Buffer.from('forged'), { host: source.address, port: source.port })
          },
          onError: assert.fail,
        },
      )
      const stranger = await datagrams.bind(
        { host: '93.184.216.99', port: 53 },
        { onMessage() {}, onError: assert.fail },
      )
      const client = shadowsocks.client(OPTIONS, { platform })
      const heard: string[] = []
      const clients = [PUBLIC, 'dns.example', '127.0.0.1', 'inside.example'].map((host) => {
        const packets = client.connectPackets({ host: HOST, port: PORT, target: { host, port: 53 } })
        packets.on('message', (packet) => heard.push(`${host}: ${packet.toString()}`))
        packets.send(`to ${host}`)
        return packets
      })
      await clock.settle()
      clients[1]!.send('again')
      await clock.settle()
      assert.deepEqual(received, [`to ${PUBLIC}`, 'to dns.example', 'again'])
      assert.deepEqual(heard, [`${PUBLIC}: answer`, 'dns.example: answer', 'dns.example: answer'])
      assert.deepEqual(asked, ['dns.example', 'inside.example'])
      for (const each of [...clients, target, stranger]) void each.close()
      await clock.settle()
    },
    { packets: true, names: { 'dns.example': [PUBLIC], 'inside.example': ['fd00::1'] } },
  ))

test('a client that has gone while its name is looked up leaves no socket', async () => {
  let answer = (): void => {}
  const untilAnswered = new Promise<void>((resolve) => (answer = resolve))
  await inScene(
    async ({ platform, asked }) => {
      const { clock, datagrams } = platform
      const packets = shadowsocks
        .client(OPTIONS, { platform })
        .connectPackets({ host: HOST, port: PORT, target: { host: 'slow.example', port: 53 } })
      packets.send('question')
      await clock.settle()
      packets.destroy()
      await clock.advance(DATAGRAM_IDLE_TIMEOUT_MS + 1_000)
      assert.deepEqual([asked, datagrams.openSocketCount], [['slow.example'], 1])
      answer()
      await clock.settle()
      assert.equal(datagrams.openSocketCount, 1, "the listener's alone")
    },
    { packets: true, names: { 'slow.example': [PUBLIC] }, untilAnswered },
  )
})

test('a socket that the system refuses costs the packet, not those after it', () =>
  inScene(
    async ({ platform }) => {
      const { clock, datagrams } = platform
      const received: string[] = []
      const target = await datagrams.bind(
        { host: '2606:4700::1111', port: 53 },
        { onMessage: (datagram) => received.push(datagram.toString()), onError: assert.fail },
      )
      const bind = datagrams.bind.bind(datagrams)
      datagrams.bind = () => {
        datagrams.bind = bind
        return Promise.reject(Object.assign(new Error('too many'), { code: 'EMFILE' }))
      }
      const packets = shadowsocks
        .client(OPTIONS, { platform })
        .connectPackets({ host: HOST, port: PORT, target: { host: 'long.example', port: 53 } })
      for (const packet of ['first', 'second']) {
        packets.send(packet)
        await clock.settle()
      }
      assert.deepEqual(received, ['second'])
      for (const each of [packets, target]) void each.close()
      await clock.settle()
    },
    { packets: true, names: { 'long.example': ['2606:4700:0:0:0:0:0:1111'] } },
  ))

test('packets that wait for a name are bounded, and a name is looked up again after its time', async () => {
  let answer = (): void => {}
  const untilAnswered = new Promise<void>((resolve) => (answer = resolve))
  await inScene(
    async ({ platform, asked }) => {
      const { clock, datagrams } = platform
      let receivedCount = 0
      const onMessage = (): void => void (receivedCount += 1)
      const target = await datagrams.bind({ host: PUBLIC, port: 53 }, { onMessage, onError: assert.fail })
      const packets = shadowsocks
        .client(OPTIONS, { platform })
        .connectPackets({ host: HOST, port: PORT, target: { host: 'slow.example', port: 53 } })
      await clock.settle()
      for (let count = 0; count < 2 * MAX_WAITING_PACKETS; count++) packets.send('question')
      await clock.settle()
      answer()
      await clock.settle()
      assert.equal(receivedCount, MAX_WAITING_PACKETS)
      for (const [ms, lookupCount] of [
        [PACKET_NAME_LIFETIME_MS - 1, 1],
        [1, 2],
      ] as const) {
        await clock.advance(ms)
        packets.send('question')
        await clock.settle()
        assert.equal(asked.length, lookupCount)
      }
      for (const each of [packets, target]) void each.close()
      await clock.settle()
    },
    { packets: true, names: { 'slow.example': [PUBLIC] }, untilAnswered },
  )
})

test('of the targets of one client the newest may answer', async () => {
  const { datagrams, clock } = createMemoryPlatform()
  const heard: (number | undefined)[] = []
  const packets = Object.assign(new EventEmitter(), {
    send: (_packet: Buffer, options: { readonly from: { readonly port: number } }) => heard.push(options.from.port),
  })
  const lookup = (): Promise<never> => Promise.reject(new Error('none'))
  relayTargetPackets(packets as unknown as PacketConnection, { datagrams, clock, lookup })
  for (let port = 1; port <= MAX_PACKET_TARGETS + 1; port++) {
    packets.emit('message', Buffer.from('question'), { target: { host: PUBLIC, port } })
    if (port % MAX_WAITING_PACKETS === 0) await clock.settle()
  }
  await clock.settle()
  assert.equal(datagrams.sent.length, MAX_PACKET_TARGETS + 1)
  for (const port of [1, 2, MAX_PACKET_TARGETS + 1]) {
    const target = await datagrams.bind({ host: PUBLIC, port }, { onMessage() {}, onError: assert.fail })
    target.send(Buffer.from('answer'), { host: HOST, port: datagrams.sent[0]!.from.port })
    await clock.settle()
    await target.close()
  }
  assert.deepEqual(heard, [2, MAX_PACKET_TARGETS + 1])
  packets.emit('close')
  await clock.settle()
  assert.equal(datagrams.openSocketCount, 0)
})

test('addresses are public or not', () => {
  for (const address of [
    '8.8.8.8',
    '172.32.0.1',
    '100.128.0.1',
    '2606:4700::1111',
    '2002:808:808::1',
    '64:ff9b::808:808',
  ])
    assert.equal(isPublicAddress(address), true, address)
  const special = ['0.0.0.0', '10.1.2.3', '100.64.0.1', '100.127.255.255', '127.0.0.1', '169.254.169.254', '172.16.0.1']
  special.push('172.31.255.255', '192.168.1.1', '198.18.0.1', '224.0.0.1', '240.0.0.1', '255.255.255.255', '::', '::1')
  special.push('fe80::1', 'fc00::1', 'fd12::1', 'ff02::1', 'fec0::1', '::ffff:10.0.0.1', '::ffff:8.8.8.8', '::7f00:1')
  special.push(
    '2002:7f00:1::',
    '2002:c0a8:101::1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::808:808',
    '2001:0:1::1',
    '2001:db8::1',
  )
  for (const address of [...special, 'localhost', '127.1', '1.2.3', ''])
    assert.equal(isPublicAddress(address), false, address)
})

test('port 0, which nobody can mean, is no target of a stream', async () => {
  const platform = createMemoryPlatform()
  const listener = new EventEmitter()
  const dialled: object[] = []
  const dial = (address: object): Promise<never> => {
    dialled.push(address)
    return Promise.reject(new Error('refused'))
  }
  relayToTargets(listener as Listener, { ...platform, dialer: { dial }, lookup: async () => [] })
  for (const port of [0, 81])
    listener.emit('connection', Object.assign(new PassThrough(), { target: { host: PUBLIC, port } }))
  await platform.clock.settle()
  assert.deepEqual(dialled, [{ host: PUBLIC, port: 81 }])
})

test('port 0 is no target of a packet either', async () => {
  const platform = createMemoryPlatform()
  const packets = new EventEmitter()
  relayTargetPackets(packets as PacketConnection, { ...platform, lookup: async () => [] })
  const openSockets = async (port: number): Promise<number> => {
    packets.emit('message', Buffer.from('x'), { target: { host: PUBLIC, port } })
    await platform.clock.settle()
    return platform.datagrams.openSocketCount
  }
  assert.deepEqual([await openSockets(0), await openSockets(53)], [0, 1])
  packets.emit('close')
})
