import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo, connect, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { startApplicationServer } from '../../support/application-server.ts'
import { readExactly } from '../../support/read-exactly.ts'
import { skipWithoutShadowsocks, startSsServer, startSsTunnel } from '../../support/shadowsocks-libev.ts'
import { connectOurShadowsocks, connectPlain, HOST, startOurShadowsocks } from '../../support/shadowsocks-link.ts'

const SECRET = { method: 'chacha20-ietf-poly1305', password: 'probes' } as const

/** A relay that keeps what each client sends. */
async function recordTo(test: TestContext, port: number): Promise<{ readonly port: number; readonly sent: Buffer[] }> {
  const sent: Buffer[] = []
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(port, HOST)
    for (const socket of [near, far]) sockets.add(socket.on('error', () => {}))
    near.on('data', (bytes) => void sent.push(bytes))
    near.pipe(far).pipe(near)
  })
  await once(server.listen(0, HOST), 'listening')
  test.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port, sent }
}

/** Sends each to a server as a prober; holds that an honest client is served meanwhile, and that no prober has heard anything then. */
async function assertSilent(
  test: TestContext,
  port: number,
  probes: readonly Buffer[],
  honest: () => Promise<void>,
): Promise<void> {
  const heard: string[] = []
  for (const [index, bytes] of probes.entries()) {
    const socket = await connectPlain(test, port)
    for (const event of ['data', 'end', 'error', 'close']) socket.on(event, () => heard.push(`${index}: ${event}`))
    socket.write(bytes)
  }
  await honest()
  await honest()
  assert.deepEqual(heard, [])
}

function probesOf(recorded: Buffer): Buffer[] {
  const flipped = Buffer.from(recorded)
  flipped[recorded.length - 1]! ^= 1
  const otherSalt = Buffer.concat([randomBytes(32), recorded.subarray(32)])
  return [
    recorded,
    Buffer.concat([recorded, randomBytes(3000)]),
    flipped,
    otherSalt,
    recorded.subarray(0, 40),
    randomBytes(5000),
  ]
}

test(
  "our server answers neither replays of ss-tunnel's streams nor garbage",
  { skip: skipWithoutShadowsocks, timeout: 20_000 },
  async (t) => {
    const { port, arrivals, listener } = await startOurShadowsocks(t, SECRET)
    const recorder = await recordTo(t, port)
    const tunnel = await startSsTunnel(t, SECRET, { serverPort: recorder.port, target: 'example.org:80' })
    const honest = async (): Promise<void> => {
      const near = await connectPlain(t, tunnel.port)
      near.write('question')
      const far = await arrivals.next()
      assert.equal((await readExactly(far, 8)).toString(), 'question')
      far.write('answer')
      assert.equal((await readExactly(near, 6)).toString(), 'answer')
    }
    await honest()
    let connectionCount = 0
    listener.on('connection', () => (connectionCount += 1))
    await assertSilent(t, port, probesOf(Buffer.concat(recorder.sent)), honest)
    assert.equal(connectionCount, 2, 'only honest clients got through')
  },
)

test(
  'ss-server takes a stream of our client once, and tells replays nothing',
  { skip: skipWithoutShadowsocks, timeout: 20_000 },
  async (t) => {
    const application = await startApplicationServer(t)
    const { port } = await startSsServer(t, SECRET)
    const recorder = await recordTo(t, port)
    const target = { host: HOST, port: application.port }
    const honest = async (): Promise<void> => {
      const near = await connectOurShadowsocks(t, SECRET, { port: recorder.port, target })
      near.write('question')
      const far = await application.arrivals.next()
      assert.equal((await readExactly(far, 8)).toString(), 'question')
      far.write('answer')
      assert.equal((await readExactly(near, 6)).toString(), 'answer')
    }
    await honest()
    await assertSilent(t, port, [Buffer.concat(recorder.sent)], honest)
  },
)
