import assert from 'node:assert/strict'
import type { ByteStream } from '../../core/platform.ts'
import { outlineOf } from './handshake-outline.ts'
import type { HandshakeOutline } from './handshake-outline.ts'
import { payload } from './payload.ts'
import type { Theme } from './subject.ts'
import type { World } from './world.ts'
import { inWorld } from './world.ts'

const LONGEST_WAIT_S = 300
const STEP_MS = 1_000
const RANDOM_SIZES = [1, 2, 16, 31, 32, 33, 64, 96, 128, 192, 500, 1_460, 4_096, 8_192, 8_193, 20_000, 200_000]

/** What a prober does: what it sends at each second; the FIN after it where `ends`. */
interface Probe {
  readonly name: string
  send(second: number): Uint8Array | undefined
}

/** What a prober saw. */
interface Sight {
  readonly name: string
  byteCount: number
  endedAtMs: number | undefined
  failure: string | undefined
}

/** Probers learn nothing from a silent server. */
export const silenceTests: Theme = (subject, { describe, it }) => {
  if (!subject.traits.silent) return
  const outline = outlineOf(subject)
  describe('silence', () => {
    it('sends no byte to any prober, and ends all of them with FIN at one time', async () => {
      const measured = await outline()
      await inWorld(subject, { seed: measured.seed }, async (world) => {
        const probes = makeProbes(await recordHello(world, measured), measured.requestLength)
        const sights = await runProbes(world, probes)
        const told = sights.map((sight) => `  ${describeSight(sight)}`).join('\n')
        assert.ok(
          sights.every(({ byteCount }) => byteCount === 0),
          `a prober was answered:\n${told}`,
        )
        assert.ok(
          sights.every(({ failure }) => failure === undefined),
          `a prober saw a reset where FIN is due:\n${told}`,
        )
        const times = new Set(sights.map(({ endedAtMs }) => endedAtMs))
        assert.ok(!times.has(undefined), `a prober was never closed, in ${LONGEST_WAIT_S} s:\n${told}`)
        assert.equal(times.size, 1, `the time of the close tells probers apart:\n${told}`)
        assert.equal(world.servers.length, 1, "a prober became a 'connection'")
        assert.ok(
          world.network.links.slice(1).every(({ toServer }) => toServer.queuedLength === 0),
          'a server that is silent reads on, so that FIN is no reset',
        )
      })
    })

    it('sends no byte to a prober that ends its side', async () => {
      const measured = await outline()
      await inWorld(subject, { seed: measured.seed }, async (world) => {
        const hello = await recordHello(world, measured)
        for (const bytes of [payload(1), payload(5_000), hello.subarray(0, -1), hello]) {
          const prober = await world.probe()
          const sight = watch(world, prober, `${bytes.length} bytes and a FIN`)
          prober.end(bytes)
          await world.until(
            () => sight.endedAtMs !== undefined || prober.closed,
            'the end of a prober',
            LONGEST_WAIT_S * STEP_MS,
          )
          assert.equal(sight.byteCount, 0, `a prober was answered: ${describeSight(sight)}`)
        }
        assert.equal(world.servers.length, 1, "a prober became a 'connection'")
      })
    })

    it("tells of each failed handshake by 'handshakeError' alone", async () => {
      await inWorld(subject, {}, async (world) => {
        const prober = await world.probe()
        prober.resume()
        prober.write(payload(10_000))
        await world.until(() => prober.readableEnded, 'the end of a prober', LONGEST_WAIT_S * STEP_MS)
        prober.end()
        await world.until(() => world.handshakeErrors.length === 1, "'handshakeError' of the listener")
        assert.equal(world.servers.length, 0)
      })
    })
  })
}

/** A handshake that the server has accepted: what a prober may replay. */
async function recordHello(world: World, { requestLength }: HandshakeOutline): Promise<Buffer> {
  const { client, server, link } = await world.pair()
  const hello = link.toServer.sent.subarray(0, requestLength)
  client.connection.destroy()
  await world.untilClosed(client, server)
  return hello
}

function makeProbes(hello: Buffer, helloLength: number): Probe[] {
  const once = (name: string, bytes: Uint8Array): Probe => ({
    name,
    send: (second) => (second === 0 && bytes.length > 0 ? bytes : undefined),
  })
  const flipped = (at: number): Buffer => {
    const copy = Buffer.from(hello)
    copy[at]! ^= 1
    return copy
  }
  return [
    once('nothing', Buffer.alloc(0)),
    ...RANDOM_SIZES.map((size) => once(`${size} random bytes`, payload(size, size))),
    once('zeros', Buffer.alloc(5_000)),
    once('an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: example.org\r\n\r\n')),
    ...[1, helloLength >> 1, helloLength - 1].map((length) =>
      once(`${length} of the ${helloLength} bytes of a handshake`, hello.subarray(0, length)),
    ),
    ...[0, helloLength >> 1, helloLength - 1].map((at) => once(`a handshake with byte ${at} altered`, flipped(at))),
    once('a handshake replayed', hello),
    once('a handshake replayed, with more', Buffer.concat([hello, payload(3_000)])),
    { name: 'one byte each second', send: (second) => payload(1, second) },
    { name: '2,000 bytes each second', send: (second) => payload(2_000, second) },
    { name: 'a handshake replayed, one byte each second', send: (second) => hello.subarray(second, second + 1) },
    { name: 'garbage after 20 s', send: (second) => (second === 20 ? payload(9_000) : undefined) },
  ]
}

async function runProbes(world: World, probes: readonly Probe[]): Promise<Sight[]> {
  const streams = await Promise.all(probes.map(() => world.probe()))
  const sights = probes.map(({ name }, index) => watch(world, streams[index]!, name))
  for (let second = 0; second < LONGEST_WAIT_S; second++) {
    probes.forEach((probe, index) => {
      const bytes = sights[index]!.endedAtMs === undefined ? probe.send(second) : undefined
      if (bytes !== undefined && bytes.length > 0) streams[index]!.write(bytes)
    })
    await world.clock.advance(STEP_MS)
    if (sights.every(({ endedAtMs, failure }) => endedAtMs !== undefined || failure !== undefined)) break
  }
  return sights
}

function watch(world: World, stream: ByteStream, name: string): Sight {
  const startMs = world.clock.monotonic()
  const sight: Sight = { name, byteCount: 0, endedAtMs: undefined, failure: undefined }
  stream.on('data', (bytes: Buffer) => {
    sight.byteCount += bytes.length
  })
  stream.on('end', () => {
    sight.endedAtMs = world.clock.monotonic() - startMs
  })
  stream.on('error', (error) => {
    sight.failure = error.message
  })
  return sight
}

function describeSight({ name, byteCount, endedAtMs, failure }: Sight): string {
  const end = endedAtMs === undefined ? 'no FIN' : `FIN after ${endedAtMs} ms`
  return `${name}: ${byteCount} bytes back, ${failure ?? end}`
}
