import assert from 'node:assert/strict'
import type { Link } from '../memory-network.ts'
import type { Cut } from '../wire.ts'
import { outlineOf, SHARD_COUNT } from './handshake-outline.ts'
import { assertPrefix, payload } from './payload.ts'
import type { Subject, Theme } from './subject.ts'
import type { World } from './world.ts'
import { inWorld } from './world.ts'

const RESET_STEP = 7
const DATA_CUT_COUNT = 150
const LONGEST_HANDSHAKE_MS = 130_000

/** The wire cut at every offset of the handshake, and at many of the data. */
export const truncationTests: Theme = (subject, { describe, it }) => {
  const outline = outlineOf(subject)
  describe('truncation of the wire', () => {
    if (subject.traits.handshake) {
      for (let shard = 0; shard < SHARD_COUNT; shard++) {
        const part = `(part ${shard + 1} of ${SHARD_COUNT})`
        it(`drops a client whose handshake is cut,${subject.traits.silent ? ' in silence,' : ''} at every offset ${part}`, async () => {
          const { seed, requestLength } = await outline()
          for (let offset = shard; offset < requestLength; offset += SHARD_COUNT)
            await cutRequest(subject, seed, offset, 'fin')
        })
        it(`fails without 'connect' when the server's handshake is cut, at every offset ${part}`, async () => {
          const { seed, replyLength } = await outline()
          for (let offset = shard; offset < replyLength; offset += SHARD_COUNT)
            await cutReply(subject, seed, offset, 'fin')
        })
      }
      it('fails, once, when a reset cuts the handshake', async () => {
        const { seed, requestLength, replyLength } = await outline()
        for (let offset = 0; offset < requestLength; offset += RESET_STEP)
          await cutRequest(subject, seed, offset, 'reset')
        for (let offset = 0; offset < replyLength; offset += RESET_STEP) await cutReply(subject, seed, offset, 'reset')
      })
    }
    it('delivers nothing but the beginning when the data is cut', () => cutData(subject, 'toServer'))
    it('delivers nothing but the beginning when the answer is cut', () => cutData(subject, 'toClient'))
  })
}

async function cutRequest(subject: Subject, seed: string, offset: number, how: Cut): Promise<void> {
  const where = `with the client's handshake cut at byte ${offset} (${how})`
  await inWorld(subject, { seed, onLink: (link) => link.toServer.truncate(offset, how) }, async (world) => {
    const client = world.connect()
    await world.until(() => client.isClosed, `the client's 'close' ${where}`, LONGEST_HANDSHAKE_MS)
    assert.equal(world.servers.length, 0, `the listener emitted 'connection' ${where}`)
    if (subject.traits.silent)
      assert.equal(world.network.links[0]!.toClient.sentLength, 0, `the server answered ${where}`)
    assertFailed(world, where)
  })
}

async function cutReply(subject: Subject, seed: string, offset: number, how: Cut): Promise<void> {
  const where = `with the server's handshake cut at byte ${offset} (${how})`
  await inWorld(subject, { seed, onLink: (link) => link.toClient.truncate(offset, how) }, async (world) => {
    const client = world.connect()
    await world.until(() => client.isClosed, `the client's 'close' ${where}`)
    assertFailed(world, where)
  })
}

function assertFailed(world: World, where: string): void {
  const [client] = world.clients
  assert.deepEqual(client!.events, ['error', 'close'], `an error and one close are due ${where}\n${world.describe()}`)
}

/** Cuts the data of one direction at many offsets after the handshake; the other side ends, with what came before the cut. */
async function cutData(subject: Subject, direction: 'toServer' | 'toClient'): Promise<void> {
  const sent = payload(6_000)
  for (let index = 0; index < DATA_CUT_COUNT; index++) {
    await inWorld(subject, { seed: index }, async (world) => {
      const { client, server, link } = await world.pair()
      const [writer, reader] = direction === 'toServer' ? [client, server] : [server, client]
      const offset = link[direction].sentLength + cutOffset(index)
      link[direction].truncate(offset)
      writer.write(sent)
      writer.connection.end()
      await world.until(
        () => reader.saw('end') || reader.saw('error'),
        `the reader's end with the data cut at byte ${offset} of the wire`,
      )
      assertPrefix(reader.received, sent, reader.label)
      assertLess(link, direction, offset)
    })
  }
}

function cutOffset(index: number): number {
  return index < 100 ? index : index * 37
}

function assertLess(link: Link, direction: 'toServer' | 'toClient', offset: number): void {
  assert.ok(link[direction].deliveredLength <= offset, 'the memory network delivered bytes beyond its cut')
}
