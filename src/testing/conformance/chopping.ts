import { SeededRandom } from '../seeded-random.ts'
import type { Wire } from '../wire.ts'
import { assertSame, payload } from './payload.ts'
import type { Theme } from './subject.ts'
import type { Witness } from './witness.ts'
import { inWorld } from './world.ts'

const LONGEST_PIECE = 700

const CHOPPINGS: readonly (readonly [string, number, (wire: Wire, seed: string) => void])[] = [
  ['in 1-byte pieces', 3_000, (wire) => wire.chop(1)],
  ['in 2-byte pieces', 6_000, (wire) => wire.chop(2)],
  ['in random pieces', 100_000, (wire, seed) => wire.chopRandomly(new SeededRandom(seed), LONGEST_PIECE)],
  ['coalesced', 300_000, (wire) => wire.coalesce()],
]

/** Any chopping of the wire gives the same data. */
export const choppingTests: Theme = (subject, { describe, it }) => {
  describe('chopping the wire', () => {
    for (const [how, length, chop] of CHOPPINGS) {
      for (const direction of ['toServer', 'toClient', 'both'] as const) {
        it(`delivers the same data with the wire ${how} (${direction})`, () =>
          inWorld(
            subject,
            {
              serve: (server) => server.echo(),
              onLink: (link) => {
                if (direction !== 'toClient') chop(link.toServer, 'to server')
                if (direction !== 'toServer') chop(link.toClient, 'to client')
              },
            },
            async (world) => {
              const client = world.connect()
              const sent = payload(length, how)
              client.write(sent)
              client.connection.end()
              await world.until(() => client.saw('end'), `the echo of ${length} bytes and the end`)
              assertSame(world.servers[0]!.received, sent, 'the server')
              assertSame(client.received, sent, 'the client')
              await world.untilClosed(client, world.servers[0]!)
            },
          ))
      }
    }

    if (subject.traits.serverSpeaksFirst) {
      for (const [how, , chop] of CHOPPINGS) {
        it(`delivers what follows the server's handshake at once, with the wire ${how}`, async () => {
          const sent = payload(2_000, how)
          let wire: Wire | undefined
          const onLink = ({ toClient }: { readonly toClient: Wire }): void => {
            wire = toClient
            chop(wire, 'first')
          }
          // Kept back until all is said, the end of the handshake and the first words lie in the pipe together, even where the
          // transport leaves time between them.
          const serve = (server: Witness): void => {
            wire!.hold()
            server.connection.end(sent)
          }
          await inWorld(subject, { serve, onLink }, async (world) => {
            const client = world.connect()
            const isAllSaid = (): boolean => wire!.hasEnded || wire!.queuedLength >= world.network.capacity
            await world.until(() => world.servers.length === 1 && isAllSaid(), "the server's 2,000 bytes and its end")
            wire!.release()
            await world.until(() => client.saw('end'), "the server's 2,000 bytes and its end at the client")
            assertSame(client.received, sent, 'the client')
          })
        })
      }
    }

    it('delivers writes of every size, empty ones too', () =>
      inWorld(subject, {}, async (world) => {
        const { client, server } = await world.pair()
        const sizes = [
          0,
          1,
          2,
          3,
          15,
          16,
          17,
          0,
          100,
          255,
          256,
          257,
          ...around(1_427),
          ...around(1_448),
          4_095,
          4_096,
          4_097,
        ]
        const sent = [...sizes, 16_384, ...around(65_535), ...around(65_536), 200_000, 0, 1].map((size, index) =>
          payload(size, index),
        )
        for (const bytes of sent) client.write(bytes)
        const whole = Buffer.concat(sent)
        await world.until(() => server.receivedLength >= whole.length, `${whole.length} bytes at the server`)
        assertSame(server.received, whole, 'the server')
        await world.until(() => client.callbacks.every((calls) => calls === 1), 'one callback for each write')
      }))

    it('delivers many writes of one turn, and one write a turn', () =>
      inWorld(subject, {}, async (world) => {
        const { client, server } = await world.pair()
        const sent = payload(2_000)
        for (let at = 0; at < 1_000; at++) server.write(sent.subarray(at, at + 1))
        for (let at = 1_000; at < 2_000; at++) {
          server.write(sent.subarray(at, at + 1))
          if (at % 10 === 0) await world.clock.settle()
        }
        await world.until(() => client.receivedLength >= sent.length, '2,000 bytes at the client')
        assertSame(client.received, sent, 'the client')
      }))
  })
}

function around(size: number): number[] {
  return [size - 1, size, size + 1]
}
