import assert from 'node:assert/strict'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import type { PacketConnection, PacketSource } from '../../../src/core/packets.ts'
import { shadowsocks } from '../../../src/transports/shadowsocks/index.ts'
import { skipWithoutShadowsocks, startSsServer, startSsTunnel } from '../../support/shadowsocks-libev.ts'
import { HOST, startOurShadowsocks } from '../../support/shadowsocks-link.ts'

const LENGTHS = [0, 1, 100, 1_200, 1_400]
const PASSWORD = 'datagrams'

async function bindUdp(test: TestContext): Promise<Socket> {
  const socket = createSocket('udp4')
  await once(socket.bind(0, HOST), 'listening')
  test.after(() => socket.close())
  return socket
}

for (const method of ['aes-128-gcm', 'aes-256-gcm', 'chacha20-ietf-poly1305'] as const) {
  test(
    `${method}: our client's packets go through ss-server, and the answers come back`,
    { skip: skipWithoutShadowsocks, timeout: 20_000 },
    async (t) => {
      const echo = await bindUdp(t)
      echo.on('message', (packet: Buffer, source: RemoteInfo) => echo.send(packet, source.port, source.address))
      const { port } = await startSsServer(t, { method, password: PASSWORD })
      const target = { host: HOST, port: echo.address().port }
      const packets = shadowsocks.client({ method, password: PASSWORD }).connectPackets({ host: HOST, port, target })
      t.after(() => packets.destroy())
      for (const length of LENGTHS.slice(1)) {
        const packet = Buffer.alloc(length, length)
        packets.send(packet)
        const [back] = (await once(packets, 'message')) as [Buffer]
        assert.ok(back.equals(packet), `${length} bytes`)
      }
    },
  )

  test(
    `${method}: packets of ss-tunnel come to our server with their target, and the answers go back`,
    { skip: skipWithoutShadowsocks, timeout: 20_000 },
    async (t) => {
      const { listener, port: serverPort } = await startOurShadowsocks(
        t,
        { method, password: PASSWORD },
        { packets: true },
      )
      const targets: unknown[] = []
      listener.on('packets', (packets: PacketConnection) => {
        packets.on('message', (packet: Buffer, source: PacketSource) => {
          targets.push(source.target)
          packets.send(packet, { from: source.target! })
        })
      })
      const { port } = await startSsTunnel(t, { method, password: PASSWORD }, { serverPort, target: '192.0.2.7:53' })
      const application = await bindUdp(t)
      for (const length of LENGTHS) {
        const packet = Buffer.alloc(length, length)
        application.send(packet, port, HOST)
        const [back] = (await once(application, 'message')) as [Buffer]
        assert.ok(back.equals(packet), `${length} bytes`)
      }
      assert.deepEqual(
        targets,
        LENGTHS.map(() => ({ host: '192.0.2.7', port: 53 })),
      )
    },
  )
}
