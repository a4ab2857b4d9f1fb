import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, describe, test } from 'node:test'
import { systemPlatform } from '../../src/platform/index.ts'
import { MemoryStore } from '../../src/testing/memory-store.ts'
import { obfs4 } from '../../src/transports/obfs4/index.ts'
import { startApplicationServer } from '../support/application-server.ts'
import { closeListener, connectOurClient, portOf, startOurServer } from '../support/obfs4-pairings.ts'
import { startServerChild } from '../support/obfs4-server-child.ts'
import { skipWithoutObfs4proxy, startObfs4proxyServer } from '../support/obfs4proxy.ts'
import { startProber } from '../support/prober.ts'
import { recordHandshake } from '../support/record-handshake.ts'
import { startRecordingRelay } from '../support/recording-relay.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { TestClock } from '../support/test-clock.ts'

const SPEED = 30
const HOUR_MS = 3_600_000
/** A bridge whose seed adds no delay to the 30 s of silence: at the tests' speed it ends probers after a second. */
const IDENTITY = {
  nodeId: Buffer.alloc(20, 1).toString('hex'),
  privateKey: Buffer.alloc(32, 2).toString('hex'),
  drbgSeed: Buffer.alloc(24, 62).toString('hex'),
}

interface Bridge {
  readonly port: number
  readonly cert: string
}

describe('a handshake that is replayed', { timeout: 30_000 }, () => {
  test('is not answered by the process that answered it', async (t) => {
    const bridge = await startServer(t)
    const hello = await recordHandshake(t, bridge)
    await assertSilence(t, bridge, hello)
    await assertAnswers(t, bridge)
  })

  test('is not answered by either of two listeners of one Server Factory', async (t) => {
    const clock = new TestClock(SPEED)
    const factory = obfs4.server(IDENTITY, { platform: { ...systemPlatform, clock } })
    const bridges = await Promise.all(
      [0, 1].map(async () => {
        const listener = factory.listen(0, '127.0.0.1')
        t.after(() => closeListener(listener))
        await once(listener, 'listening')
        return { port: portOf(listener), cert: listener.clientArguments['cert']! }
      }),
    )
    const hello = await recordHandshake(t, bridges[0]!)
    await Promise.all(bridges.map((bridge) => assertSilence(t, bridge, hello)))
  })

  test('is not answered after a restart with the same state directory', async (t) => {
    const stateDir = await temporaryDirectory(t)
    const first = await startServer(t, { stateDir })
    const hello = await recordHandshake(t, first)
    await closeListener(first.listener)
    const second = await startServer(t, { stateDir })
    assert.equal(second.cert, first.cert)
    await assertSilence(t, second, hello)
    await assertAnswers(t, second)
  })

  test(
    'is not answered after the process was killed while its reply was on the way',
    { timeout: 30_000 },
    async (t) => {
      const options = { ...IDENTITY, stateDir: await temporaryDirectory(t) }
      const first = await startServerChild(t, options, SPEED)
      const hello = await recordHandshake(t, first, { onReply: () => first.process.kill('SIGKILL') })
      assert.equal(first.process.child.signalCode, 'SIGKILL')
      const second = await startServerChild(t, options, SPEED)
      await assertSilence(t, second, hello)
      await assertAnswers(t, second)
    },
  )

  test('is not answered when the clock went back in between', async (t) => {
    const stateDir = await temporaryDirectory(t)
    const clock = new TestClock(SPEED)
    const first = await startServer(t, { stateDir }, clock)
    const hello = await recordHandshake(t, first)
    clock.wallOffsetMs = 3 * HOUR_MS
    const ahead = new TestClock()
    ahead.wallOffsetMs = 3 * HOUR_MS
    await recordHandshake(t, first, { platform: { ...systemPlatform, clock: ahead } })
    clock.wallOffsetMs = 0
    await assertSilence(t, first, hello)
    await closeListener(first.listener)
    clock.wallOffsetMs = -HOUR_MS
    await assertSilence(t, await startServer(t, { stateDir }, clock), hello)
  })
})

describe('a handshake that cannot be remembered', () => {
  test('fails without a byte, and is reported, when the disk is full', async (t) => {
    const store = new MemoryStore()
    const errors: object[] = []
    const clock = new TestClock(SPEED)
    const bridge = await startServer(t, { stateDir: '/state' }, clock, {
      platform: { ...systemPlatform, clock, store },
      logger: { error: (event, fields) => errors.push({ event, ...fields }) },
    })
    store.fillDisk()
    const hello = await failToConnect(t, bridge)
    assert.deepEqual(errors, [{ event: 'replay-filter:error', transport: 'obfs4', code: 'PT_REPLAY_FILTER_WRITE' }])
    store.heal()
    await assertSilence(t, bridge, hello)
    await assertAnswers(t, bridge)
    assert.equal(errors.length, 1)
  })

  test('fails without a byte, and is reported, when the filter is full of live entries', async (t) => {
    const stateDir = await temporaryDirectory(t)
    const before = await startServer(t, { stateDir })
    await closeListener(before.listener)
    await fillReplayFile(join(stateDir, 'obfs4_replay.bin'), Math.floor(Date.now() / HOUR_MS))
    const errors: object[] = []
    const clock = new TestClock(SPEED)
    const bridge = await startServer(t, { stateDir }, clock, {
      logger: { error: (event, fields) => errors.push({ event, ...fields }) },
    })
    await failToConnect(t, bridge)
    assert.deepEqual(errors, [{ event: 'replay-filter:error', transport: 'obfs4', code: 'PT_REPLAY_FILTER_FULL' }])
    clock.wallOffsetMs = 3 * HOUR_MS
    const ahead = new TestClock()
    ahead.wallOffsetMs = 3 * HOUR_MS
    await recordHandshake(t, bridge, { platform: { ...systemPlatform, clock: ahead } })
  })
})

test('a state directory that another process holds is refused with an error that says so', async (t) => {
  const options = { ...IDENTITY, stateDir: await temporaryDirectory(t) }
  const holder = await startServerChild(t, options, SPEED)
  const listener = obfs4.server(options).listen({ host: '127.0.0.1', port: 0 })
  const closed = new Promise<void>((resolve) => listener.once('close', resolve))
  const [error] = (await once(listener, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'PT_STATE_LOCKED')
  assert.match(error.message, new RegExp(`another process, pid ${holder.process.child.pid}$`))
  await closed
  await assertAnswers(t, holder)
})

// What the section above improves on. obfs4proxy remembers handshakes in memory only.
describe("obfs4proxy's server", { skip: skipWithoutObfs4proxy }, () => {
  test('does not answer a replay to the same process, and answers it after a restart', async (t) => {
    const { port: applicationPort } = await startApplicationServer(t)
    const settings = { stateDir: await temporaryDirectory(t), applicationPort }
    const first = await startObfs4proxyServer(t, settings)
    const cert = first.clientArguments['cert']!
    const hello = await recordHandshake(t, { port: first.port, cert })
    const refused = await startProber(t, first.port)
    refused.socket.write(hello)
    await recordHandshake(t, { port: first.port, cert })
    assert.equal(refused.sight.byteCount, 0)
    await first.process.kill('SIGTERM')
    const second = await startObfs4proxyServer(t, settings)
    const answered = await startProber(t, second.port)
    answered.socket.write(hello)
    await once(answered.socket, 'data')
  })
})

async function startServer(
  t: TestContext,
  options: { readonly stateDir?: string } = {},
  clock = new TestClock(SPEED),
  settings: Parameters<typeof startOurServer>[2] = {},
): Promise<Bridge & Pick<Awaited<ReturnType<typeof startOurServer>>, 'listener'>> {
  const platform = { ...systemPlatform, clock }
  const { listener, port, clientArguments } = await startOurServer(
    t,
    { ...IDENTITY, ...options },
    { platform, ...settings },
  )
  return { listener, port, cert: clientArguments['cert']! }
}

/** Sends `hello` and waits for the server's FIN: no byte comes before it. */
async function assertSilence(t: TestContext, { port }: Bridge, hello: Buffer): Promise<void> {
  const { socket, ended } = await startProber(t, port)
  socket.write(hello)
  const { byteCount, failure } = await ended
  socket.destroy()
  assert.deepEqual({ byteCount, failure }, { byteCount: 0, failure: undefined })
}

async function assertAnswers(t: TestContext, { port, cert }: Bridge): Promise<void> {
  const client = await connectOurClient(t, port, { cert })
  client.destroy()
}

/** Makes a genuine handshake to which the server answers with FIN alone, and resolves with its hello. */
async function failToConnect(t: TestContext, { port, cert }: Bridge): Promise<Buffer> {
  const relay = await startRecordingRelay(t, port)
  await assert.rejects(connectOurClient(t, relay.port, { cert }), { code: 'PT_TRUNCATED' })
  const { toServer, toClient } = relay.recordings[0]!
  assert.equal(Buffer.concat(toClient).length, 0)
  return Buffer.concat(toServer)
}

/** Makes every slot of a replay filter's file that of some handshake of `epochHour`. */
async function fillReplayFile(path: string, epochHour: number): Promise<void> {
  const headerLength = 32
  const slotLength = 12
  const content = await readFile(path)
  for (let at = headerLength; at < content.length; at += slotLength) {
    content.writeUInt32LE(at, at)
    content.writeUInt32LE(epochHour + 1, at + 8)
  }
  await writeFile(path, content)
}
