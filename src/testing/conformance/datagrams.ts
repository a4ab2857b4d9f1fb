import assert from 'node:assert/strict'
import type { Passage } from '../memory-datagrams.ts'
import { inPacketWorld, type PacketWorld } from './packet-world.ts'
import { assertSame, payload } from './payload.ts'
import type { Runner, Subject, Theme } from './subject.ts'

const LENGTHS = [0, 1, 100, 1_200]
const BURST_COUNT = 60
const BURST_LENGTH = 300
const IDLE_MS = 120_000
const TOO_LONG = 65_508
const STRANGE_LENGTHS = [0, 1, 16, 1_200, 65_507]
const OWN = { packets: { framing: 'datagrams' } } as const

/** Packets in datagrams of the transport's own: whole or not at all, from whom it recognises. */
export const datagramTests: Theme = (subject, runner) => {
  if (!subject.traits.datagrams) return
  runner.describe('datagrams of its own', () => {
    carriage(subject, runner)
    strangers(subject, runner)
    ends(subject, runner)
  })
}

function carriage(subject: Subject, { it }: Runner): void {
  it(`carries packets of ${LENGTHS.join(', ')} bytes both ways, a datagram for each`, () =>
    inPacketWorld(subject, OWN, async (world) => {
      const { client, server } = await world.pair()
      server.echo()
      const before = datagramsOf(world).sent.length
      const sent = LENGTHS.map((length) => payload(length))
      for (const packet of sent) client.send(packet)
      await world.until(() => client.messages.length === sent.length, 'the echoes')
      for (const [index, packet] of sent.entries()) assertSame(client.messages[index]!, packet, `echo ${index}`)
      assert.equal(datagramsOf(world).sent.length - before, 2 * sent.length, 'there is a datagram for each packet')
    }))

  it('delivers what arrives whole, whatever is lost, doubled or out of order', () =>
    inPacketWorld(subject, OWN, async (world) => {
      const { client, server } = await world.pair()
      const datagrams = datagramsOf(world)
      let index = 0
      datagrams.tap = (passage) => [[passage], [], [passage, passage]][index++ % 3]!
      datagrams.hold()
      const sent = Array.from({ length: BURST_COUNT }, (_, seed) => payload(BURST_LENGTH, seed))
      for (const packet of sent) client.send(packet)
      await world.until(() => client.callbacks.every((calls) => calls === 1), 'the callbacks')
      datagrams.release((held) => held.toReversed())
      const lost = sent.filter((_, seed) => seed % 3 === 1)
      await world.until(() => sent.every((packet) => lost.includes(packet) || includes(server.messages, packet)), 'all')
      assert.ok(server.messages.every((message) => includes(sent, message) && !includes(lost, message)))
    }))

  if (subject.traits.integrity) {
    it('never delivers what was altered on the way', () =>
      inPacketWorld(subject, OWN, async (world) => {
        const { client, server } = await world.pair()
        let offset = 0
        datagramsOf(world).tap = (passage) => [flipped(passage, offset++)]
        const sent = payload(64)
        for (let count = 0; count < 2 * sent.length; count++) client.send(sent)
        await world.until(() => client.callbacks.every((calls) => calls === 1), 'the callbacks')
        await world.world.clock.settle()
        assert.deepEqual(server.messages, [], 'a packet with a flipped bit was delivered')
      }))
  }

  it('costs a packet that is too long that packet alone', () =>
    inPacketWorld(subject, OWN, async (world) => {
      const { client, server } = await world.pair()
      client.send(Buffer.alloc(TOO_LONG))
      client.send(payload(10))
      await world.until(() => server.messages.length === 1, 'the packet after the long one')
      assertSame(server.messages[0]!, payload(10), 'the server')
      const error = client.callbackErrors[1]
      assert.ok(error && Reflect.get(error, 'code') === 'PT_PACKET_TOO_LONG', client.describe())
    }))
}

function strangers(subject: Subject, { it }: Runner): void {
  it('gives a stranger no answer, and holds nothing of it', () =>
    inPacketWorld(subject, OWN, async (world) => {
      const datagrams = datagramsOf(world)
      const answers: Buffer[] = []
      const handlers = { onMessage: (datagram: Buffer) => answers.push(datagram), onError: () => undefined }
      const socket = await datagrams.bind({ host: '127.0.0.1', port: 0 }, handlers)
      const { timerCount } = world.world.clock
      for (const length of STRANGE_LENGTHS)
        socket.send(payload(length, 'stranger'), { host: '127.0.0.1', port: world.world.port })
      await world.world.clock.advance(IDLE_MS)
      await socket.close()
      assert.deepEqual([answers.length, world.servers.length, world.world.clock.timerCount], [0, 0, timerCount])
    }))

  it('keeps the packets of clients apart', () =>
    inPacketWorld(subject, OWN, async (world) => {
      const pairs = [await world.pair(), await world.pair(), await world.pair()]
      for (const [index, { client, server }] of pairs.entries()) {
        server.echo()
        client.send(payload(50, index))
      }
      await world.until(() => pairs.every(({ client }) => client.messages.length === 1), 'the echoes')
      for (const [index, { client }] of pairs.entries())
        assertSame(client.messages[0]!, payload(50, index), client.label)
    }))
}

function ends(subject: Subject, { it }: Runner): void {
  it('ends a peer that is idle, and meets it anew', () =>
    inPacketWorld(subject, OWN, async (world) => {
      const { client, server } = await world.pair()
      await world.world.clock.advance(IDLE_MS - 1)
      assert.equal(server.isClosed, false, 'the peer ended early')
      await world.world.clock.advance(1)
      assert.deepEqual([server.events, client.isClosed], [['message', 'close'], false], server.describe())
      if (!subject.traits.handshake) {
        client.send(payload(10))
        await world.until(() => world.servers[1]?.messages.length === 1, 'the client as a new peer')
      }
    }))

  it('lets packets leave on close() of either side', () =>
    inPacketWorld(subject, OWN, async (world) => {
      const { client, server } = await world.pair()
      server.send(payload(20))
      server.packets.close()
      await world.until(() => client.messages.length === 1, "the server's last packet")
      await world.untilClosed(server)
      client.packets.close()
      await world.untilClosed(client)
      assert.deepEqual([client.errors, server.errors], [[], []])
    }))
}

function datagramsOf({ world }: PacketWorld): PacketWorld['world']['platform']['datagrams'] {
  return world.platform.datagrams
}

function includes(packets: readonly Buffer[], packet: Buffer): boolean {
  return packets.some((each) => each.equals(packet))
}

/** Flips one bit, which moves on with `offset`. */
function flipped(passage: Passage, offset: number): Passage {
  const bytes = Buffer.from(passage.bytes)
  const at = offset % bytes.length
  bytes[at]! ^= 1 << (offset % 8)
  return { ...passage, bytes }
}
