import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { payload, assertSame } from './payload.ts'
import type { Theme } from './subject.ts'
import type { Witness } from './witness.ts'
import { inWorld } from './world.ts'

const PARALLEL_COUNT = 200
const LARGE_LENGTH = 4 * 1_048_576
const CHUNK_LENGTH = 65_536
/** A transport that delays its segments takes its time, of the clock that stands still. */
const SHAPED_TRANSFER_MS = 600_000

/** Many connections, and many bytes. */
export const loadTests: Theme = (subject, { describe, it }) => {
  describe('load', () => {
    it(`serves ${PARALLEL_COUNT} connections at once, each with its own data`, () =>
      inWorld(subject, { serve: (server) => server.echo() }, async (world) => {
        const sent = Array.from({ length: PARALLEL_COUNT }, (_, index) => payload(1_000 + index * 7, index))
        for (const bytes of sent) {
          const client = world.connect()
          client.write(bytes)
          client.connection.end()
        }
        await world.until(
          () => world.clients.every((client) => client.isClosed),
          `the close of ${PARALLEL_COUNT} clients`,
        )
        world.clients.forEach((client, index) => assertSame(client.received, sent[index]!, client.label))
        assert.equal(world.servers.length, PARALLEL_COUNT)
      }))

    it('carries a few MiB both ways at once, whole', () =>
      inWorld(subject, {}, async (world) => {
        const { client, server, link } = await world.pair()
        link.toServer.stopRecording()
        link.toClient.stopRecording()
        const received = [client, server].map((witness) => hashOf(witness))
        const sent = [server, client].map((witness) => stream(witness))
        await world.until(
          () => client.receivedLength >= LARGE_LENGTH && server.receivedLength >= LARGE_LENGTH,
          `${LARGE_LENGTH} bytes both ways`,
          SHAPED_TRANSFER_MS,
        )
        assert.deepEqual(
          received.map((hash) => hash.digest('hex')),
          sent.map((hash) => hash.digest('hex')),
          'the SHA-256 of what was received, client and server, is that of what was sent',
        )
      }))
  })
}

function hashOf(witness: Witness): ReturnType<typeof createHash> {
  const hash = createHash('sha256')
  witness.consume((bytes) => hash.update(bytes))
  return hash
}

/** Writes as fast as the other side takes it, and hashes what it writes. */
function stream(witness: Witness): ReturnType<typeof createHash> {
  const hash = createHash('sha256')
  let written = 0
  const more = (): void => {
    while (written < LARGE_LENGTH) {
      const chunk = payload(CHUNK_LENGTH, `${witness.label} ${written}`)
      hash.update(chunk)
      written += chunk.length
      if (!witness.connection.write(chunk)) return
    }
  }
  witness.connection.on('drain', more)
  more()
  return hash
}
