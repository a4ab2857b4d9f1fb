import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOTHING, type Step } from '../../../../src/core/codec.ts'
import { createLog } from '../../../../src/core/log.ts'
import { createMemoryPlatform } from '../../../../src/testing/memory-platform.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { Obfs4Client } from '../../../../src/transports/obfs4/client.ts'
import { ServerCodec } from '../../../../src/transports/obfs4/server-codec.ts'
import { uniformInteger } from '../../../../src/util/random.ts'
import { createTestBridge } from '../../../support/obfs4-bridge.ts'

function create(seed = 0) {
  const events: string[] = []
  const platform = createMemoryPlatform({ seed: `client ${seed}` })
  const log = createLog('obfs4', { debug: (event) => void events.push(event) })
  const client = new Obfs4Client({ platform, log })
  const bridge = createTestBridge({ seed })
  const options = { bridge: bridge.identity, iatMode: 0, padding: 'uniform' } as const
  return { events, platform, client, bridge, codec: () => client.codec(options) }
}

/** Has the bridge answer a hello, the seed frame included, and say `words` at once. */
async function answer(
  bridge: ReturnType<typeof createTestBridge>,
  hello: Uint8Array,
  words: readonly Uint8Array[] = [],
): Promise<Buffer> {
  const server = new ServerCodec(bridge)
  server.start()
  const { pending } = server.receive(hello)
  const steps = [server.settle({ ok: true, value: await pending!(new AbortController().signal) })]
  steps.push(...words.map((word) => server.send([word])))
  return Buffer.concat(steps.flatMap(({ wire }) => wire!.map(({ bytes }) => bytes)))
}

const helloOf = (step: Step): Uint8Array => step.wire![0]!.bytes

test('takes its key pair before it is dialled, from a pool that fills in idle turns', async () => {
  const { client, codec, events, platform } = create()
  codec()
  assert.deepEqual(events, ['key-pool:empty'])
  for (let count = 0; count < 3; count++) await platform.clock.runDeferred()
  for (let count = 0; count < 3; count++) codec()
  assert.deepEqual(events, ['key-pool:empty'], 'a key that is ready is taken')
  codec()
  assert.deepEqual(events, ['key-pool:empty', 'key-pool:empty'])
  assert.ok(client)
})

test('makes its hello for the hour in which it starts, not for that of the dial', async () => {
  const { bridge, codec, platform } = create()
  const late = codec()
  platform.clock.setWallClock(platform.clock.now() + 5 * 3_600_000)
  bridge.clock.setWallClock(platform.clock.now())
  const step = late.receive(await answer(bridge, helloOf(late.start())))
  assert.equal(step.established, true)
})

test('delivers, in the step that establishes it, the words that came in one read with the answer', async () => {
  const { bridge, codec } = create()
  const client = codec()
  const words = ['a first word', 'and a second'].map((text) => Buffer.from(text))
  const { established, data, close } = client.receive(await answer(bridge, helloOf(client.start()), words))
  assert.equal(established, true)
  assert.equal(String(data), 'a first wordand a second')
  assert.equal(close, undefined)
})

test('delivers every word whole, wherever the answer and what follows it are cut', async () => {
  const { bridge, codec } = create()
  const random = new SeededRandom('cuts')
  const word = random.fill(Buffer.alloc(3000))
  for (let round = 0; round < 60; round++) {
    const client = codec()
    const whole = await answer(bridge, helloOf(client.start()), [word.subarray(0, 5), word.subarray(5)])
    // Half of the cuts lie where the answer ends and the words begin.
    const earliest = round % 2 === 0 ? 1 : whole.length - 4500
    const cuts = [0, 0].map(() => uniformInteger(random, Math.max(1, earliest), whole.length - 1))
    const [first, second] = cuts.sort((a, b) => a - b)
    const pieces = [whole.subarray(0, first), whole.subarray(first, second), whole.subarray(second)]
    const steps = pieces.map((piece) => client.receive(piece))
    const data = Buffer.concat(steps.map((step) => Buffer.from(step.data ?? [])))
    assert.ok(data.equals(word), `${data.length} of ${word.length} bytes came, cut at ${first} and ${second}`)
    assert.equal(steps.filter(({ established }) => established === true).length, 1)
  }
})

test('is established by the answer in whatever chopping, and takes the frames behind it', async () => {
  const { bridge, codec } = create()
  const whole = codec()
  const reply = await answer(bridge, helloOf(whole.start()))
  let step: Step = NOTHING
  let seen = 0
  for (const byte of reply) {
    step = whole.receive(Buffer.of(byte))
    if (step.established === true) seen += 1
  }
  assert.equal(seen, 1)
  assert.equal(whole.finish().close, undefined)
})

test('fails when the answer is changed anywhere, and when it ends early', async () => {
  const { bridge, codec } = create()
  for (const place of [0, 31, 32, 63, 70]) {
    const client = codec()
    const reply = await answer(bridge, helloOf(client.start()))
    reply[place]! ^= 1
    const { close, established } = client.receive(Buffer.concat([reply, Buffer.alloc(8192)]))
    assert.equal(close?.code, 'PT_HANDSHAKE_FAILED', `byte ${place}`)
    assert.equal(established, undefined)
  }
  const truncated = codec()
  truncated.start()
  assert.equal(truncated.finish().close?.code, 'PT_TRUNCATED')
})

test('fails at the end of 8,192 bytes without a mark, and not a byte before', () => {
  const { codec } = create()
  const client = codec()
  client.start()
  const noise = new SeededRandom('noise').fill(Buffer.alloc(8192))
  assert.deepEqual(client.receive(noise.subarray(0, -1)), NOTHING)
  assert.equal(client.receive(noise.subarray(-1)).close?.code, 'PT_HANDSHAKE_FAILED')
})

test("shapes with the server's tables from its seed on", async () => {
  const { bridge, codec } = create()
  const client = codec()
  client.receive(await answer(bridge, helloOf(client.start())))
  const lengths = new Set(bridge.tables.lengths.values)
  for (let count = 0; count < 50; count++) {
    const tail = client.send([Buffer.from('x')]).wire![0]!.bytes.length % 1448
    assert.ok(
      lengths.has(tail) || lengths.has(tail - 21) || (tail === 0 && lengths.has(1448)),
      `a burst ends at ${tail}`,
    )
  }
})
