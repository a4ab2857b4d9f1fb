import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { PacketConnection } from '../../../src/core/packets.ts'
import { plainDatagrams } from '../../../src/testing/index.ts'

for (const host of ['127.0.0.1', 'localhost', undefined]) {
  test(`echoes packets of every kind of length over UDP, listening at ${host ?? 'every address'}`, async () => {
    const listener = plainDatagrams
      .server({})
      .listen({ ...(host === undefined ? {} : { host }), port: 0, packets: true })
    listener.on('packets', (packets) => packets.on('message', (packet) => packets.send(packet)))
    await once(listener, 'listening')
    const { address, port } = listener.address() as AddressInfo
    const client = plainDatagrams.client({}).connectPackets({ host: host === undefined ? '127.0.0.1' : address, port })
    for (const length of [0, 1, 1_400, 65_506]) {
      client.send(Buffer.alloc(length, 7))
      const [packet] = (await once(client, 'message')) as [Buffer]
      assert.deepEqual(packet, Buffer.alloc(length, 7))
    }
    client.close()
    await once(client, 'close')
    const closed = once(listener, 'close')
    listener.close().closeAllConnections()
    await closed
  })
}

test('a client outlives the server that is gone, and finds its successor', async () => {
  const server = plainDatagrams.server({})
  const first = server.listen({ host: '127.0.0.1', port: 0, packets: true })
  await once(first, 'listening')
  const { port } = first.address() as AddressInfo
  first.close()
  await once(first, 'close')
  const client: PacketConnection = plainDatagrams.client({}).connectPackets(port, '127.0.0.1')
  await once(client, 'connect')
  for (let index = 0; index < 5; index++) await new Promise((resolve) => client.send('nobody there', resolve))
  const second = server.listen({ host: '127.0.0.1', port, packets: true })
  await once(second, 'listening')
  const arrived = once(second, 'packets')
  // A refusal that is still under way may cost the first.
  client.send('one')
  client.send('two')
  const [packets] = (await arrived) as [PacketConnection]
  assert.equal(packets.closed, false)
  client.destroy()
  second.close().closeAllConnections()
  await once(second, 'close')
})
