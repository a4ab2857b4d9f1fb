import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { describe, test, type TestContext } from 'node:test'
import { startApplicationServer } from '../../support/application-server.ts'
import type { ArrivalQueue } from '../../support/arrivals.ts'
import { closesWithoutError, exchange, receiveAll, send } from '../../support/exchange.ts'
import { readExactly } from '../../support/read-exactly.ts'
import {
  type SharedSecret,
  skipWithoutShadowsocks,
  startSsLocal,
  startSsServer,
  startSsTunnel,
} from '../../support/shadowsocks-libev.ts'
import { connectOurShadowsocks, connectPlain, HOST, startOurShadowsocks } from '../../support/shadowsocks-link.ts'
import { connectThroughSocks5 } from '../../support/socks5-connect.ts'

const MIB = 1_048_576
const METHODS = ['aes-128-gcm', 'aes-256-gcm', 'chacha20-ietf-poly1305'] as const

interface Pairing {
  readonly connect: () => Promise<Duplex>
  readonly arrivals: ArrivalQueue<Duplex>
}

const PAIRINGS: readonly {
  readonly name: string
  readonly open: (t: TestContext, secret: SharedSecret) => Promise<Pairing>
}[] = [
  {
    name: 'our client and ss-server',
    open: async (t, secret) => {
      const application = await startApplicationServer(t)
      const { port } = await startSsServer(t, secret)
      const target = { host: HOST, port: application.port }
      return { connect: () => connectOurShadowsocks(t, secret, { port, target }), arrivals: application.arrivals }
    },
  },
  {
    name: 'ss-tunnel and our server',
    open: async (t, secret) => {
      const { port: serverPort, arrivals } = await startOurShadowsocks(t, secret as never)
      const { port } = await startSsTunnel(t, secret, { serverPort, target: 'example.org:7' })
      return { connect: () => connectPlain(t, port), arrivals }
    },
  },
]

for (const method of METHODS) {
  const secret = { method, password: 'correct horse: battery staple' }
  for (const { name, open } of PAIRINGS) {
    describe(`${method}, ${name}`, { skip: skipWithoutShadowsocks }, () => {
      test('16 MiB arrive whole each way at once', { timeout: 60_000 }, async (t) => {
        const { connect, arrivals } = await open(t, secret)
        const near = await connect()
        near.write('a')
        const far = await arrivals.next()
        assert.equal((await readExactly(far, 1)).toString(), 'a')
        await exchange(near, far, { toRight: 16 * MIB, toLeft: 16 * MIB })
      })

      // A half-close cannot be: shadowsocks-libev ends both directions with the first end that it sees.
      test(
        'all that comes before an end arrives, and then the end, whoever ends first',
        { timeout: 30_000 },
        async (t) => {
          const { connect, arrivals } = await open(t, secret)
          for (const firstEnds of ['near', 'far'] as const) {
            const near = await connect()
            near.write('question')
            const far = await arrivals.next()
            assert.equal((await readExactly(far, 8)).toString(), 'question')
            const [writer, reader] = firstEnds === 'near' ? [near, far] : [far, near]
            const received = receiveAll(reader)
            const digest = await send(writer, MIB)
            writer.end()
            assert.deepEqual(await received, { length: MIB, digest })
            writer.resume()
            reader.end()
            await closesWithoutError(reader)
          }
        },
      )
    })
  }

  test(
    `${method}: a server that speaks first is heard through ss-server`,
    { skip: skipWithoutShadowsocks },
    async (t) => {
      const application = await startApplicationServer(t)
      const { port } = await startSsServer(t, secret)
      application.arrivals.forEach((socket) => void socket.write('220 hello'))
      const near = await connectOurShadowsocks(t, secret, { port, target: { host: HOST, port: application.port } })
      assert.equal((await readExactly(near, 9)).toString(), '220 hello')
    },
  )
}

test(
  'ss-local brings the names and addresses that it is asked for to our server',
  { skip: skipWithoutShadowsocks },
  async (t) => {
    const secret = { method: 'aes-256-gcm', password: 'p' } as const
    const { port: serverPort, arrivals } = await startOurShadowsocks(t, secret)
    const { port } = await startSsLocal(t, secret, serverPort)
    for (const target of [
      { host: 'example.org', port: 443 },
      { host: '192.0.2.7', port: 80 },
      { host: '2001:db8::7', port: 65_535 },
    ]) {
      const socket = await connectThroughSocks5(t, port, target)
      socket.write('x')
      const connection = await arrivals.next()
      assert.deepEqual(connection.target, target)
      connection.write('y')
      assert.equal((await once(socket, 'data'))[0].toString(), 'y')
    }
  },
)
