import assert from 'node:assert/strict'
import { outlineOf, SHARD_COUNT } from './handshake-outline.ts'
import { assertPrefix, payload } from './payload.ts'
import type { Subject, Theme } from './subject.ts'
import { inWorld } from './world.ts'

const LONGEST_HANDSHAKE_MS = 130_000
const HANDSHAKE_PAYLOAD_LENGTH = 200
const DATA_PAYLOAD_LENGTH = 8_000
const DATA_FLIP_COUNT = 400
const DATA_FLIP_EVERY_BYTE = 300
const DATA_FLIP_STEP = 61

/** One bit of the wire flipped, at every offset of the handshake and many of the data. For transports with integrity. */
export const bitFlipTests: Theme = (subject, { describe, it }) => {
  if (!subject.traits.integrity) return
  const outline = outlineOf(subject)
  describe('flipped bits', () => {
    if (subject.traits.handshake) {
      for (let shard = 0; shard < SHARD_COUNT; shard++) {
        const part = `(part ${shard + 1} of ${SHARD_COUNT})`
        it(`never delivers altered data after a flip in the client's handshake, at every offset ${part}`, async () => {
          const { seed, requestLength } = await outline()
          for (let offset = shard; offset < requestLength; offset += SHARD_COUNT)
            await flipHandshake(subject, seed, 'toServer', offset)
        })
        it(`never delivers altered data after a flip in the server's handshake, at every offset ${part}`, async () => {
          const { seed, replyLength } = await outline()
          for (let offset = shard; offset < replyLength; offset += SHARD_COUNT)
            await flipHandshake(subject, seed, 'toClient', offset)
        })
      }
    }
    for (const direction of ['toServer', 'toClient'] as const) {
      it(`fails, without delivering altered data, after a flip in the data (${direction})`, async () => {
        for (let index = 0; index < DATA_FLIP_COUNT; index++) await flipData(subject, direction, index)
      })
    }
  })
}

/**
 * The handshake fails, or the byte was one that the protocol passes over and all goes on as if nothing were. Where it fails, a silent
 * server has not sent a byte.
 */
async function flipHandshake(
  subject: Subject,
  seed: string,
  direction: 'toServer' | 'toClient',
  offset: number,
): Promise<void> {
  const sent = payload(HANDSHAKE_PAYLOAD_LENGTH)
  const mask = 1 << (offset % 8)
  const where = `with mask ${mask} flipped in byte ${offset} ${direction}`
  const onLink = (link: { [key in typeof direction]: { flip(offset: number, mask: number): void } }): void =>
    link[direction].flip(offset, mask)
  await inWorld(subject, { seed, onLink, serve: (server) => server.echo() }, async (world) => {
    const client = world.connect()
    client.write(sent)
    await world.until(
      () => client.receivedLength >= sent.length || client.isClosed,
      `the echo or the client's failure ${where}`,
      LONGEST_HANDSHAKE_MS,
    )
    assertPrefix(client.received, sent, `the client ${where}`)
    for (const server of world.servers) assertPrefix(server.received, sent, `the server ${where}`)
    if (subject.traits.silent && direction === 'toServer' && client.receivedLength < sent.length)
      assert.equal(world.network.links[0]!.toClient.sentLength, 0, `the server answered ${where}`)
    if (client.isClosed)
      assert.ok(client.saw('error'), `the client closed without an error ${where}\n${world.describe()}`)
  })
}

async function flipData(subject: Subject, direction: 'toServer' | 'toClient', index: number): Promise<void> {
  const sent = payload(DATA_PAYLOAD_LENGTH)
  await inWorld(subject, { seed: index }, async (world) => {
    const { client, server, link } = await world.pair()
    const [writer, reader] = direction === 'toServer' ? [client, server] : [server, client]
    const relative =
      index < DATA_FLIP_EVERY_BYTE ? index : DATA_FLIP_EVERY_BYTE + (index - DATA_FLIP_EVERY_BYTE) * DATA_FLIP_STEP
    const where = `with a bit flipped ${relative} bytes into the data ${direction}`
    link[direction].flip(link[direction].sentLength + relative, 1 << (index % 8))
    writer.write(sent)
    writer.connection.end()
    await world.until(() => reader.saw('end') || reader.isClosed, `the end or failure of ${reader.label} ${where}`)
    assertPrefix(reader.received, sent, `${reader.label} ${where}`)
    assert.ok(
      reader.saw('error'),
      `${reader.label} did not notice the alteration: it has integrity, so 'error' is due ${where}\n${world.describe()}`,
    )
  })
}
