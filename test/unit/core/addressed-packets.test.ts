import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineOptions } from '../../../src/core/options.ts'
import type { DatagramCodec, PacketConnection, PacketSource } from '../../../src/core/packets.ts'
import type { Destination } from '../../../src/core/transport.ts'
import { defineTransport } from '../../../src/platform/define-transport.ts'
import { createMemoryPlatform, type MemoryPlatform, plainDatagrams } from '../../../src/testing/index.ts'

const HOST = '127.0.0.1'
const PORT = 443
const options = defineOptions('addressed', {})
const noCodec = (): never => assert.fail('no stream is asked for')

/** `session|host:port|text`, and a mark at its end that makes it genuine. */
function encode(session: string, { host, port }: { host: string; port: number }, text: Uint8Array): Buffer {
  return Buffer.from(`${session}|${host}:${port}|${Buffer.from(text).toString()}!`)
}

function decode(datagram: Uint8Array): { session: string; host: string; port: number; packet: Buffer } | undefined {
  const found = /^(\w+)\|(.*):(\d+)\|(.*)!$/.exec(Buffer.from(datagram).toString())
  if (found === null) return undefined
  return { session: found[1]!, host: found[2]!, port: Number(found[3]), packet: Buffer.from(found[4]!) }
}

const clientCodec = ({ target }: Destination): DatagramCodec => ({
  seal: (packet) => encode('s1', target!, packet),
  open: (datagram) => decode(datagram)?.packet,
})

function serverCodec(): DatagramCodec {
  let [session, asked] = ['', { host: '', port: 0 }]
  return {
    carriesAddresses: true,
    seal: (packet, from = asked) => encode(session, from, packet),
    open: (datagram) => {
      const opened = decode(datagram)
      if (opened === undefined) return undefined
      const { host, port, packet } = opened
      session = opened.session
      asked = { host, port }
      return { packet, target: asked }
    },
  }
}

const addressed = defineTransport({
  name: 'addressed',
  clientOptions: options,
  serverOptions: options,
  openClient: () => ({
    route: (_options, told) => told,
    codec: noCodec,
    datagrams: (_options, destination) => clientCodec(destination),
  }),
  openServer: () => ({
    hasDatagrams: true,
    open: () =>
      Promise.resolve({
        clientArguments: {},
        codec: noCodec,
        datagrams: serverCodec,
        sessionKey: (datagram: Uint8Array) => /^(\w+)\|/.exec(Buffer.from(datagram).toString())?.[1],
        close: () => Promise.resolve(),
      }),
  }),
})

interface Scene {
  readonly platform: MemoryPlatform
  readonly servers: PacketConnection[]
  readonly messages: { readonly text: string; readonly source: PacketSource }[]
}

async function inScene(play: (scene: Scene) => Promise<void>): Promise<void> {
  const platform = createMemoryPlatform()
  const listener = addressed.server({}, { platform }).listen({ host: HOST, port: PORT, packets: true })
  const scene: Scene = { platform, servers: [], messages: [] }
  listener.on('packets', (packets) => {
    scene.servers.push(packets)
    packets.on('message', (packet, source) => scene.messages.push({ text: packet.toString(), source }))
  })
  await platform.clock.settle()
  await play(scene)
  listener.close()
  listener.closeAllConnections()
  await platform.clock.settle()
}

async function connect({ platform }: Scene): Promise<{ readonly packets: PacketConnection; readonly got: string[] }> {
  const target = { host: 'example.org', port: 53 }
  const packets = addressed.client({}, { platform }).connectPackets({ host: HOST, port: PORT, target })
  const got: string[] = []
  packets.on('message', (packet) => got.push(packet.toString()))
  await platform.clock.settle()
  return { packets, got }
}

test('a server hears where its client wants each packet to go, and may say who answers', () =>
  inScene(async (scene) => {
    const { packets, got } = await connect(scene)
    packets.send('question')
    await scene.platform.clock.settle()
    assert.deepEqual(
      scene.messages.map(({ text, source }) => [text, source.target]),
      [['question', { host: 'example.org', port: 53 }]],
    )
    const lengths: number[] = []
    scene.servers[0]!.send('one', (_error, length) => lengths.push(length))
    scene.servers[0]!.send('two', { from: { host: '192.0.2.7', port: 7 } }, (_error, length) => lengths.push(length))
    await scene.platform.clock.settle()
    assert.deepEqual(got, ['one', 'two'])
    assert.deepEqual(lengths, [3, 3])
    const answers = scene.platform.datagrams.sent.slice(1).map(({ bytes }) => bytes.toString())
    assert.deepEqual(answers, ['s1|example.org:53|one!', 's1|192.0.2.7:7|two!'])
    packets.destroy()
  }))

test('a sender of answers is an address, and only for packets that carry one', () =>
  inScene(async (scene) => {
    const { packets } = await connect(scene)
    packets.send('question')
    await scene.platform.clock.settle()
    const from = { host: '192.0.2.7', port: 7 }
    assert.throws(() => packets.send('x', { from }), { code: 'PT_TARGET_UNSUPPORTED' })
    for (const wrong of [{ host: '', port: 7 }, { host: 'a', port: 0 }, 'a:7', 7])
      assert.throws(() => scene.servers[0]!.send('x', { from: wrong as typeof from }), { code: 'PT_ADDRESS_INVALID' })
    const { platform } = scene
    const plain = plainDatagrams.client({}, { platform }).connectPackets({ host: HOST, port: PORT })
    assert.throws(() => plain.send('x', { from }), { code: 'PT_TARGET_UNSUPPORTED' })
    for (const each of [packets, plain]) each.destroy()
  }))

test('a peer known by its session is followed to another address, but not by what is not genuine', () =>
  inScene(async (scene) => {
    const { packets } = await connect(scene)
    packets.send('from here')
    const { datagrams, clock } = scene.platform
    await clock.settle()
    const first = scene.servers[0]!.remoteAddress().port
    const heard: string[] = []
    const elsewhere = await datagrams.bind(
      { host: HOST, port: 0 },
      { onMessage: (datagram) => heard.push(datagram.toString()), onError: assert.fail },
    )
    const to = { host: HOST, port: PORT }
    elsewhere.send(Buffer.from('s1|example.org:53|forged'), to)
    await clock.settle()
    assert.equal(scene.servers[0]!.remoteAddress().port, first)
    assert.equal(scene.servers[0]!.counters.dropped.unreadable, 1)
    elsewhere.send(Buffer.from('s1|example.org:53|from there!'), to)
    await clock.settle()
    assert.equal(scene.servers.length, 1)
    assert.equal(scene.servers[0]!.remoteAddress().port, elsewhere.address.port)
    assert.equal(scene.messages[1]!.source.port, elsewhere.address.port)
    scene.servers[0]!.send('answer')
    elsewhere.send(Buffer.from('|nobody'), to)
    await clock.settle()
    assert.deepEqual(heard, ['s1|example.org:53|answer!'])
    assert.equal(scene.servers.length, 1, 'a datagram of no session makes no peer')
    await elsewhere.close()
    packets.destroy()
  }))
