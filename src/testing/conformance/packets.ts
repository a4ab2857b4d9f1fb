import assert from 'node:assert/strict'
import { inPacketWorld, type PacketWorld } from './packet-world.ts'
import { PacketWitness } from './packet-witness.ts'
import { assertSame, payload } from './payload.ts'
import type { Runner, Subject, Theme } from './subject.ts'
import { inWorld } from './world.ts'

const LENGTHS = [0, 1, 1_427, 65_507]
const BURST_COUNT = 400
const BURST_LENGTH = 500
const SEND_BUFFER_LENGTH = 50_000
const FLOOD_COUNT = 200
const FLOOD_LENGTH = 4_000
const IDLE_MS = 30_000

const BINDING_REQUEST = Buffer.concat([Buffer.from('000100002112a442', 'hex'), payload(12)])
const CHANNEL_DATA = Buffer.from('40010003616263', 'hex')
const SIDES = ['client', 'server'] as const

/** Packets over the transport's stream: whole and in order, or counted as dropped. */
export const packetTests: Theme = (subject, runner) => {
  runner.describe('packets', () => {
    carriage(subject, runner)
    limits(subject, runner)
    ends(subject, runner)
    faults(subject, runner)
  })
}

function carriage(subject: Subject, { it }: Runner): void {
  it(`carries packets of ${LENGTHS.join(', ')} bytes both ways`, () =>
    inPacketWorld(subject, {}, async (world) => {
      const { client, server } = await world.pair()
      server.echo()
      const sent = LENGTHS.map((length) => payload(length))
      for (const packet of sent) client.send(packet)
      await world.until(() => client.messages.length === sent.length, 'the echoes')
      assertPackets(server, sent)
      assertPackets(client, sent)
      assert.deepEqual(
        client.sources.map(({ size }) => size),
        LENGTHS,
      )
    }))

  for (const side of SIDES) {
    it(`keeps the order of a burst from the ${side}`, () =>
      inPacketWorld(subject, {}, async (world) => {
        const { client, server } = await world.pair()
        const [sender, receiver] = side === 'client' ? [client, server] : [server, client]
        const sent = Array.from({ length: BURST_COUNT }, (_, index) => payload((index * 7) % BURST_LENGTH, index))
        for (const packet of sent) sender.send(packet)
        await world.until(() => receiver.messages.length === sent.length, 'the burst')
        assertPackets(receiver, sent)
      }))
  }

  it('keeps packets whole and in order however the wire chops', () =>
    inPacketWorld(subject, {}, async (world) => {
      const { client, server, link } = await world.pair()
      const sent = [3, 700, 0, 1_427, 2_900].map((length) => payload(length))
      link.toServer.hold()
      for (const packet of sent) client.send(packet)
      for (let pieces = 0; pieces < 2_000 && server.messages.length < sent.length; pieces++) {
        link.toServer.release(97)
        await world.world.clock.advance(10)
      }
      assertPackets(server, sent)
    }))

  it('carries STUN and ChannelData with the framing for it', () =>
    inPacketWorld(subject, { packets: { framing: 'stun' } }, async (world) => {
      const { client, server } = await world.pair()
      server.echo()
      const sent = [BINDING_REQUEST, CHANNEL_DATA, BINDING_REQUEST]
      for (const packet of [CHANNEL_DATA.subarray(0, 6), ...sent]) client.send(packet)
      await world.until(() => client.messages.length === sent.length, 'the echoes')
      assertPackets(server, sent)
      assertPackets(client, sent)
      assert.equal(client.packets.counters.dropped.malformed, 1, 'a packet that is neither was not counted')
    }))
}

function limits(subject: Subject, { it }: Runner): void {
  for (const side of SIDES) {
    it(`drops and counts what the ${side} sends while the network stands, and delivers the rest`, () =>
      inPacketWorld(subject, { packets: { maxSendBuffer: SEND_BUFFER_LENGTH } }, async (world) => {
        const { client, server, link } = await world.pair()
        const [sender, receiver, wire] =
          side === 'client' ? [client, server, link.toServer] : [server, client, link.toClient]
        const begun = sender.callbacks.length
        wire.hold()
        const sent = Array.from({ length: FLOOD_COUNT }, (_, index) => payload(FLOOD_LENGTH, index))
        for (const packet of sent) {
          sender.send(packet)
          assert.ok(sender.packets.getSendQueueSize() <= SEND_BUFFER_LENGTH, 'more waits than maxSendBuffer')
          await world.world.clock.settle()
        }
        assert.ok(sender.packets.counters.dropped.full > 0, 'nothing was dropped while nothing could leave')
        wire.release()
        await world.until(() => sender.callbacks.every((calls) => calls === 1), 'every callback')
        const left = sent.filter((_, index) => sender.callbackErrors[begun + index] === null)
        assert.equal(left.length + sender.packets.counters.dropped.full, FLOOD_COUNT)
        await world.until(() => receiver.messages.length >= left.length, 'what was not dropped')
        assertPackets(receiver, left)
      }))
  }

  it('keeps the newest of what is sent before the connection', () =>
    inPacketWorld(subject, { packets: { maxQueuedPackets: 3 } }, async (world) => {
      const client = world.connect()
      const sent = [1, 2, 3, 4, 5].map((length) => payload(length))
      for (const packet of sent) client.send(packet)
      assert.equal(client.packets.getSendQueueCount(), 3)
      await world.until(() => world.servers[0]?.messages.length === 3, 'what was queued')
      assertPackets(world.servers[0]!, sent.slice(2))
      assert.equal(client.packets.counters.dropped.full, 2)
    }))

  it('ends both sides when nothing has come or gone for the idle limit', () =>
    inPacketWorld(subject, {}, async (world) => {
      const { client, server } = await world.pair({ idleTimeoutMs: IDLE_MS })
      const { clock } = world.world
      await clock.advance(IDLE_MS / 2)
      client.send(payload(10))
      await clock.advance(IDLE_MS - 1)
      assert.equal(client.packets.closed, false, 'it ended before the limit')
      await clock.advance(2)
      await world.untilClosed(client, server)
      assert.deepEqual([client.errorCode, server.errorCode], [undefined, undefined])
    }))
}

function ends(subject: Subject, { it }: Runner): void {
  for (const side of SIDES) {
    it(`delivers what the ${side} sent before it closes, and closes both sides without an error`, () =>
      inPacketWorld(subject, {}, async (world) => {
        const { client, server } = await world.pair()
        const [closing, other] = side === 'client' ? [client, server] : [server, client]
        const sent = [payload(10), payload(60_000), payload(0)]
        for (const packet of sent) closing.send(packet)
        let told = 0
        closing.packets.close(() => told++).close()
        closing.send(payload(5))
        await world.untilClosed(closing, other)
        assertPackets(other, sent)
        assert.deepEqual([client.errorCode, server.errorCode, told], [undefined, undefined, 1])
        assert.equal(closing.packets.counters.dropped.closed, 1, 'what is sent after close() was not counted')
      }))
  }

  it('leaves nothing behind when it is destroyed at any stage', () =>
    inPacketWorld(subject, {}, async (world) => {
      const { network, clock } = world.world
      network.holdDials()
      const dialling = world.connect()
      dialling.send(payload(10))
      await clock.settle()
      dialling.packets.destroy(new Error('enough'))
      await world.untilClosed(dialling)
      assert.deepEqual(dialling.errors.map(String), ['Error: enough'])
      network.releaseDials()
      const atOnce = world.connect()
      atOnce.packets.destroy()
      const { client, server, link } = await world.pair()
      link.toServer.hold()
      for (let count = 0; count < 40; count++) client.send(payload(FLOOD_LENGTH))
      await clock.settle()
      client.send(payload(10))
      client.packets.destroy()
      await world.untilClosed(atOnce, client)
      assert.ok(client.packets.counters.dropped.closed > 0, 'what waited was not counted')
      server.packets.destroy()
      await world.untilClosed(server)
    }))
}

function faults(subject: Subject, { it }: Runner): void {
  it('tells of a client that ends in the middle of a packet, after the packets before it', () =>
    inPacketWorld(subject, {}, async (world) => {
      await sendBytes(world, Buffer.from('00026162000a6162', 'hex'))
      const server = world.servers[0]!
      await world.untilClosed(server)
      assertPackets(server, [Buffer.from('ab')])
      assert.equal(server.errorCode, 'PT_TRUNCATED', world.world.describe())
    }))

  it('tells of a server that ends in the middle of a packet, after the packets before it', () =>
    inWorld(subject, {}, async (world) => {
      const target = { host: '127.0.0.1', port: world.port, framing: 'length-prefix' } as const
      const client = new PacketWitness(world.clientFactory.connectPackets(target), 'client')
      client.send(payload(10))
      await world.until(() => world.servers[0]?.receivedLength === 12, 'the first packet')
      world.servers[0]!.connection.end(Buffer.from('00026162000a6162', 'hex'))
      await world.until(() => client.isClosed, "'close' of the client")
      assertPackets(client, [Buffer.from('ab')])
      assert.equal(client.errorCode, 'PT_TRUNCATED', client.describe())
      assert.deepEqual(client.faults(), [])
    }))

  it('ends a connection whose stream is not STUN, and no other', () =>
    inPacketWorld(subject, { packets: { framing: 'stun' } }, async (world) => {
      const { client, server } = await world.pair()
      await sendBytes(world, Buffer.concat([BINDING_REQUEST, Buffer.from('ff00'.repeat(20), 'hex')]))
      const garbled = world.servers[1]!
      await world.untilClosed(garbled)
      assertPackets(garbled, [BINDING_REQUEST])
      assert.equal(garbled.errorCode, 'PT_FRAMING_INVALID')
      server.send(BINDING_REQUEST)
      await world.until(() => client.messages.length === 1, 'a packet of the other connection')
    }))
}

/** Sends bytes to the listener for packets as a client that knows the transport and not its framing, and ends. */
async function sendBytes({ world, servers }: PacketWorld, bytes: Buffer): Promise<void> {
  const known = servers.length
  const client = world.connect({ allowHalfOpen: true })
  client.connection.end(bytes)
  await world.until(() => servers.length > known, "the listener's 'packets'")
}

function assertPackets(witness: PacketWitness, sent: readonly Buffer[]): void {
  assert.deepEqual(
    witness.messages.map(({ length }) => length),
    sent.map(({ length }) => length),
    `${witness.describe()}: the lengths differ`,
  )
  for (const [index, packet] of witness.messages.entries())
    assertSame(packet, sent[index]!, `${witness.label}, packet ${index + 1},`)
}
