import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type TestContext, describe, test } from 'node:test'
import { systemPlatform } from '../../src/platform/index.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { startApplicationServer } from '../support/application-server.ts'
import { startServerChild } from '../support/obfs4-server-child.ts'
import { connectOurClient, startOurServer } from '../support/obfs4-pairings.ts'
import { type Sight, startProber } from '../support/prober.ts'
import { recordHandshake } from '../support/record-handshake.ts'
import { vectors } from '../unit/crypto/vectors.ts'

const IDENTITY = {
  nodeId: vectors.identity.nodeId,
  privateKey: vectors.identity.private,
  drbgSeed: vectors.closeDelay.drbgSeed,
}
const SILENCE_MS = 30_000 + vectors.closeDelay.seconds * 1000
const LATER_MS = 7_000
const KEY_COUNT = 32
const MIB = 1024 * 1024

/** What a hostile client does, given a hello that was answered before. */
type Behaviour = (socket: Socket, hello: Buffer) => unknown

const behaviours: Readonly<Record<string, Behaviour>> = {
  'says nothing': () => undefined,
  'sends random bytes': (socket) => socket.write(randomBytes(5_000)),
  'replays a handshake': (socket, hello) => socket.write(hello),
  'replays a handshake byte by byte': sendByteByByte,
  'sends a truncated handshake': (socket, hello) => socket.write(hello.subarray(0, -1)),
  'sends a handshake with a wrong MAC': (socket, hello) => socket.write(altered(hello)),
  'sends a handshake and one byte more': (socket, hello) => socket.write(Buffer.concat([hello, Buffer.alloc(1)])),
  'sends 8,192 random bytes': (socket) => socket.write(randomBytes(8_192)),
  'sends 8,193 random bytes': (socket) => socket.write(randomBytes(8_193)),
  'floods with 1 MiB': (socket) => socket.write(randomBytes(MIB)),
  'keeps sending': keepSending,
}

describe('a client that is not recognised', { timeout: 30_000 }, () => {
  test('gets no byte and one FIN at the time that the seed gives, whatever it did', async (t) => {
    const { clock, hello, port, assertAnswers } = await startBridge(t)
    const probers = await Promise.all(Object.keys(behaviours).map((name) => startNamedProber(t, port, name)))
    await assertAnswers()
    await clock.advance(LATER_MS)
    const late = await startNamedProber(t, port, 'replays a handshake')
    await assertAnswers()
    await Promise.all([...probers, late].map(({ behave }) => behave(hello)))

    await clock.advance(SILENCE_MS - LATER_MS - 1)
    await assertAnswers()
    assertUntouched([...probers, late])
    // Bytes that the server has not read when it ends must not make a reset of the FIN.
    for (const { socket } of probers) socket.write(randomBytes(65_536))
    await clock.advance(1)
    for (const { name, ended } of probers) assert.deepEqual(clean(await ended), CLEAN, name)

    await clock.advance(LATER_MS - 1)
    await assertAnswers()
    assertUntouched([late])
    await clock.advance(1)
    assert.deepEqual(clean(await late.ended), CLEAN)
    // What it goes on sending is read and dropped.
    await Promise.all([...probers, late].map((prober) => assertEndsCleanly(prober)))
  })

  test('gets FIN at once when it has ended its own side, whatever it did', async (t) => {
    const { hello, port } = await startBridge(t)
    for (const name of Object.keys(behaviours).filter((each) => each !== 'keeps sending')) {
      const { behave, socket, ended } = await startNamedProber(t, port, name)
      await behave(hello)
      socket.end()
      assert.deepEqual(clean(await ended), CLEAN, name)
    }
  })

  for (const [finishedAtMs, recognised] of [
    [29_999, true],
    [30_000, false],
  ] as const) {
    test(`is ${recognised ? '' : 'not '}recognised by a hello finished after ${finishedAtMs} ms`, async (t) => {
      const { clock, port, clientArguments, assertAnswers } = await startBridge(t)
      const hello = await recordUnansweredHello(t, clientArguments['cert']!)
      const { socket, ended } = await startProber(t, port)
      socket.write(hello.subarray(0, -1))
      await assertAnswers()
      await clock.advance(finishedAtMs)
      socket.write(hello.subarray(-1))
      await assertAnswers()
      await clock.advance(SILENCE_MS - finishedAtMs)
      const { byteCount, failure } = await ended
      assert.deepEqual({ recognised: byteCount > 0, failure }, { recognised, failure: undefined })
    })
  }
})

const FLOOD_COUNT = 500
/** Before, in and after the flood. */
const GENUINE_COUNT = 3
const MAX_HELD_LENGTH = 24 * 1024
/** What the collector leaves to the process counts too; buffering what each sends would take twice as much. */
const MAX_RESIDENT_LENGTH = 128 * 1024
const SENT_LENGTH = 256 * 1024

test(`${FLOOD_COUNT} hostile clients at once hold little memory and drain no keys`, { timeout: 30_000 }, async (t) => {
  const server = await startServerChild(t, IDENTITY)
  const hello = await recordHandshake(t, server)
  const before = await server.status()
  const probers = await Promise.all(Array.from({ length: FLOOD_COUNT }, () => startProber(t, server.port)))
  const flood = probers.map(async ({ socket }, index) => {
    const attacks = [
      randomBytes(SENT_LENGTH),
      Buffer.concat([hello, randomBytes(SENT_LENGTH)]),
      hello,
      randomBytes(8_191),
    ]
    await new Promise((resolve) => socket.write(attacks[index % attacks.length]!, resolve))
  })
  await connectOurClient(t, server.port, { cert: server.cert })
  await Promise.all(flood)
  await connectOurClient(t, server.port, { cert: server.cert })
  const after = await server.status()
  const perClient = (bytes: number): number => Math.round(bytes / FLOOD_COUNT)
  const held = perClient(after.heapUsed + after.external - before.heapUsed - before.external)
  const resident = perClient(after.rss - before.rss)
  t.diagnostic(`per hostile client: ${held} bytes held, ${resident} bytes of RSS`)
  assert.ok(held < MAX_HELD_LENGTH, `${held} bytes held for each`)
  assert.ok(resident < MAX_RESIDENT_LENGTH, `${resident} bytes of RSS for each`)
  // A pool that is not filled yet on a busy machine makes the keys of genuine clients inline; those of the flood would be hundreds.
  const inline = after.events.filter((event) => event === 'key-pool:empty').length
  assert.ok(inline <= GENUINE_COUNT, `${inline} keys were made inline, for ${GENUINE_COUNT} genuine clients`)
  for (const { sight } of probers) assert.deepEqual(sight, { byteCount: 0, endedAt: undefined, failure: undefined })
})

interface NamedProber extends Awaited<ReturnType<typeof startProber>> {
  readonly name: string
  readonly behave: (hello: Buffer) => unknown
}

const CLEAN = { byteCount: 0, failure: undefined }

function clean({ byteCount, failure }: Sight): object {
  return { byteCount, failure }
}

/** Starts a bridge whose clock stands still, its key pool full; `hello` has been answered. */
async function startBridge(t: TestContext) {
  const clock = new FakeClock(Date.now())
  const platform = { ...systemPlatform, clock }
  const server = await startOurServer(t, IDENTITY, { platform })
  for (let key = 0; key < KEY_COUNT; key++) await clock.runDeferred()
  const bridge = { port: server.port, cert: server.clientArguments['cert']! }
  // Its answer has travelled there and back: whatever was sent before it has arrived.
  const assertAnswers = async (): Promise<void> => {
    const settings = { platform: { ...systemPlatform, clock: new FakeClock(clock.now()) } }
    const client = await connectOurClient(t, bridge.port, { cert: bridge.cert }, settings)
    client.destroy()
  }
  return { ...server, clock, assertAnswers, hello: await recordHandshake(t, bridge) }
}

async function startNamedProber(t: TestContext, port: number, name: string): Promise<NamedProber> {
  const prober = await startProber(t, port)
  return { ...prober, name, behave: (hello) => behaviours[name]!(prober.socket, hello) }
}

function assertUntouched(probers: readonly NamedProber[]): void {
  for (const { name, sight } of probers) {
    assert.deepEqual(sight, { byteCount: 0, endedAt: undefined, failure: undefined }, name)
  }
}

/** Sends more after the FIN, ends, and waits for a close without a reset. */
async function assertEndsCleanly({ name, socket, sight }: NamedProber): Promise<void> {
  const closed = once(socket, 'close')
  socket.end(randomBytes(65_536))
  await closed
  assert.deepEqual(clean(sight), CLEAN, name)
}

/** Makes a hello of this hour that no server has seen: a listener that answers nothing takes it. */
async function recordUnansweredHello(t: TestContext, cert: string): Promise<Buffer> {
  const { port, arrivals } = await startApplicationServer(t)
  const connecting = connectOurClient(t, port, { cert })
  const socket = await arrivals.next()
  const [hello] = (await once(socket, 'data')) as [Buffer]
  socket.end()
  await assert.rejects(connecting)
  return hello
}

async function sendByteByByte(socket: Socket, hello: Buffer): Promise<void> {
  socket.setNoDelay(true)
  for (const byte of hello) {
    await new Promise<void>((resolve) => socket.write(Buffer.of(byte), () => resolve()))
  }
}

/** Writes as fast as the server reads, until the test ends this side. */
function keepSending(socket: Socket): void {
  const chunk = randomBytes(16_384)
  const send = (): void => {
    if (!socket.writableEnded && !socket.destroyed) socket.write(chunk, () => setImmediate(send))
  }
  send()
}

function altered(hello: Buffer): Buffer {
  const copy = Buffer.from(hello)
  copy[copy.length - 1]! ^= 1
  return copy
}
