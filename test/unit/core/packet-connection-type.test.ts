import assert from 'node:assert/strict'
import { type Socket, createSocket } from 'node:dgram'
import { test } from 'node:test'
import type { PacketConnection } from '../../../src/core/packets.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { plain } from '../../../src/testing/plain.ts'

/** The members that mean what those of a connected dgram.Socket mean, with their types. */
type Namesakes = Pick<
  Socket,
  'address' | 'close' | 'getSendQueueCount' | 'getSendQueueSize' | 'ref' | 'remoteAddress' | 'unref'
>

/** What a program needs that takes either. */
interface Sender {
  send(packet: string | NodeJS.ArrayBufferView, callback?: (error: Error | null, bytes: number) => void): void
  on(
    event: 'message',
    listener: (packet: Buffer, source: { address: string; port: number; size: number }) => void,
  ): this
  on(event: 'error', listener: (error: Error) => void): this
  on(event: 'close' | 'connect', listener: () => void): this
  close(callback?: () => void): this
}

// Type checks: they fail to compile where a member does not fit.
const asNamesakes = (packets: PacketConnection): Omit<Namesakes, 'close' | 'ref' | 'unref'> => packets
const asSender = (either: PacketConnection | Socket): Sender => either

test('a packet connection has the members of a connected dgram.Socket', async () => {
  const client = plain.client({}, { platform: createMemoryPlatform() })
  const packets = client.connectPackets({ host: 'nobody.invalid', port: 1 })
  packets.on('error', () => {})
  assert.equal(asNamesakes(packets).getSendQueueCount(), 0)
  const socket = createSocket('udp4')
  for (const sender of [packets, socket].map(asSender))
    for (const member of ['send', 'on', 'close', 'address', 'remoteAddress', 'ref', 'unref', 'getSendQueueSize'])
      assert.equal(typeof Reflect.get(sender, member), 'function', member)
  for (const each of [packets, socket]) await new Promise<void>((resolve) => void each.close(resolve))
})
