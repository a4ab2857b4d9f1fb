import assert from 'node:assert/strict'
import { assertSame, payload } from './payload.ts'
import type { Theme } from './subject.ts'
import type { Witness } from './witness.ts'
import type { World } from './world.ts'
import { inWorld } from './world.ts'

const CHUNK_LENGTH = 16_384
const BUFFER_LIMIT = 1_048_576
const SLOW_LENGTH = 200_000
const TRICKLE_LENGTH = 5_000
const PAUSE_MS = 10

/** Slow peers: buffers stay bounded, and nothing is lost. */
export const backPressureTests: Theme = (subject, { describe, it }) => {
  describe('back-pressure', () => {
    for (const writerSide of ['client', 'server'] as const) {
      it(`stops the ${writerSide} that writes while the other side does not read, and loses nothing`, () =>
        inWorld(subject, { serverReads: writerSide === 'server' }, async (world) => {
          const { client, server } = await world.pair({}, writerSide === 'client')
          const [writer, reader] = writerSide === 'client' ? [client, server] : [server, client]
          const sent = await writeUntilStopped(world, writer)
          assert.equal(writer.saw('drain'), false, "'drain' came while nothing drained")
          reader.read()
          await world.until(() => writer.saw('drain'), "'drain' once the reader reads")
          await world.until(() => reader.receivedLength >= sent.length, `all ${sent.length} bytes`)
          assertSame(reader.received, sent, reader.label)
        }))

      it(`stops the ${writerSide} that writes while the network stands still, and loses nothing`, () =>
        inWorld(subject, {}, async (world) => {
          const { client, server, link } = await world.pair()
          const [writer, reader, wire] =
            writerSide === 'client' ? [client, server, link.toServer] : [server, client, link.toClient]
          wire.hold()
          const sent = await writeUntilStopped(world, writer)
          wire.release()
          await world.until(() => reader.receivedLength >= sent.length, `all ${sent.length} bytes`)
          assertSame(reader.received, sent, reader.label)
        }))
    }

    it('delivers over a slow network, with its end', () =>
      inWorld(subject, { serve: (server) => server.echo() }, async (world) => {
        const { client, link } = await world.pair()
        const sent = payload(SLOW_LENGTH)
        link.toServer.hold()
        link.toClient.hold()
        client.write(sent)
        client.connection.end()
        for (let trickles = 0; trickles < 1_000 && !client.saw('end'); trickles++) {
          link.toServer.release(TRICKLE_LENGTH)
          link.toClient.release(TRICKLE_LENGTH)
          await world.clock.advance(10)
        }
        assertSame(client.received, sent, 'the client')
        await world.untilClosed(...world.clients, ...world.servers)
      }))

    it('pauses and resumes a reader without loss', () =>
      inWorld(subject, {}, async (world) => {
        const { client, server } = await world.pair()
        const sent = payload(SLOW_LENGTH)
        client.write(sent)
        for (let pauses = 0; server.receivedLength < sent.length && pauses < 1_000; pauses++) {
          server.connection.pause()
          await world.clock.advance(PAUSE_MS)
          server.connection.resume()
          await world.clock.advance(PAUSE_MS)
        }
        assertSame(server.received, sent, 'the server')
      }))

    it('lets one direction stand while the other flows', () =>
      inWorld(subject, { serverReads: false }, async (world) => {
        const { client, server } = await world.pair()
        await writeUntilStopped(world, client)
        const sent = payload(SLOW_LENGTH)
        server.write(sent)
        await world.until(() => client.receivedLength >= sent.length, "the server's bytes while the client's stand")
        assertSame(client.received, sent, 'the client')
      }))
  })
}

/** Writes until write() says stop and no 'drain' comes. Returns what was written; fails when that is without bound. */
async function writeUntilStopped(world: World, writer: Witness): Promise<Buffer> {
  const chunk = payload(CHUNK_LENGTH, writer.label)
  const { connection } = writer
  let count = 0
  while (!connection.writableNeedDrain) {
    writer.write(chunk)
    count++
    assert.ok(
      count * CHUNK_LENGTH <= BUFFER_LIMIT,
      `${writer.label} took ${count * CHUNK_LENGTH} bytes that nobody reads: write() must return false, and 'drain' wait, while the wire stands`,
    )
    await world.clock.settle()
  }
  // 'drain' events of the filling are none of the caller's.
  writer.events.splice(0, writer.events.length, ...writer.events.filter((event) => event !== 'drain'))
  return Buffer.concat(Array.from({ length: count }, () => chunk))
}
