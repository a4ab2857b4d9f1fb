import assert from 'node:assert/strict'
import { type EventEmitter, once } from 'node:events'
import type { PacketFramingName } from '../../src/core/packet-framing.ts'
import type { Arguments } from '../../src/core/transport.ts'

/** What is needed of a PacketConnection, of this source or of the built package. */
interface Packets extends EventEmitter {
  send(packet: Buffer): void
  close(): unknown
}

interface PacketClient {
  connectPackets(options: {
    readonly host: string
    readonly port: number
    readonly framing: PacketFramingName
  }): unknown
}

/** Makes a packet that a framing carries, of `length` bytes and a mark. STUN: a binding request whose length is a multiple of 4. */
function makePacket(framing: PacketFramingName, length: number, mark: number): Buffer {
  const packet = Buffer.alloc(length, mark)
  if (framing === 'length-prefix') return packet
  packet.writeUInt16BE(0x0001, 0)
  packet.writeUInt16BE(length - 20, 2)
  packet.writeUInt32BE(0x2112a442, 4)
  return packet
}

/**
 * Connects for packets and asserts that packets of several lengths arrive whole, in order and both ways, the first of them sent before there is a
 * connection. Both ends are closed.
 */
export async function exchangePackets(
  listener: EventEmitter & { readonly clientArguments: Arguments },
  {
    connectTo,
    port,
    framing,
  }: {
    readonly connectTo: (args: Arguments) => PacketClient
    readonly port: number
    readonly framing: PacketFramingName
  },
): Promise<void> {
  const arrived = once(listener, 'packets')
  const client = connectTo(listener.clientArguments)
  const near = client.connectPackets({ host: '127.0.0.1', port, framing }) as Packets
  const sent = [20, 24, 1_200, 16_384, 32].map((length, index) => makePacket(framing, length, index))
  const send = (from: Packets): void => {
    for (const packet of sent) from.send(packet)
  }
  const receive = (to: Packets): Promise<readonly Buffer[]> =>
    new Promise((resolve, reject) => {
      const received: Buffer[] = []
      to.on('error', reject).on('message', (packet: Buffer) => {
        if (received.push(packet) === sent.length) resolve(received)
      })
    })
  const back = receive(near)
  send(near)
  const [far] = (await arrived) as [Packets]
  const there = receive(far)
  send(far)
  assert.deepEqual(await there, sent)
  assert.deepEqual(await back, sent)
  near.close()
  far.close()
}
