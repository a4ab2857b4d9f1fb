import assert from 'node:assert/strict'
import { assertSame, payload } from './payload.ts'
import type { Theme } from './subject.ts'
import { inWorld } from './world.ts'

const LENGTH = 150_000
const LINGER_MS = 5_000

/** Ends of one direction at a time. */
export const halfCloseTests: Theme = (subject, { describe, it }) => {
  describe('half-close', () => {
    it("ends its own side after the peer's end, without allowHalfOpen", () =>
      inWorld(subject, {}, async (world) => {
        const { client, server } = await world.pair()
        server.connection.end()
        await world.untilClosed(client, server)
        assert.ok(client.saw('end') && client.saw('finish') && client.error === undefined, world.describe())
      }))

    it('delivers everything that was written before end()', () =>
      inWorld(subject, {}, async (world) => {
        const { client, server } = await world.pair()
        server.write(payload(LENGTH))
        server.connection.end(payload(10))
        await world.untilClosed(client, server)
        assertSame(client.received, Buffer.concat([payload(LENGTH), payload(10)]), 'the client')
      }))

    it("does not wait for ever for the peer's end", () =>
      inWorld(subject, { settings: { lingerMs: LINGER_MS }, listen: { allowHalfOpen: true } }, async (world) => {
        const { client } = await world.pair()
        client.connection.end()
        await world.until(() => client.isClosed, "'close' within the linger limit", 2 * LINGER_MS)
      }))

    if (subject.traits.halfClose) sides()
  })

  function sides(): void {
    for (const first of ['client', 'server'] as const) {
      it(`carries data after the ${first} has ended its side`, () =>
        inWorld(subject, { listen: { allowHalfOpen: true } }, async (world) => {
          const pair = await world.pair({ allowHalfOpen: true })
          const [ended, other] = first === 'client' ? [pair.client, pair.server] : [pair.server, pair.client]
          ended.write(payload(100))
          ended.connection.end()
          await world.until(() => other.saw('end'), `'end' at the ${other.label}`)
          assertSame(other.received, payload(100), other.label)
          assert.equal(other.saw('close'), false, `allowHalfOpen keeps it open\n${world.describe()}`)
          assert.equal(other.connection.readyState, 'writeOnly')
          await world.until(
            () => ended.connection.readyState === 'readOnly',
            `readyState 'readOnly' at the ${ended.label}`,
          )
          for (let part = 0; part < 3; part++) {
            other.write(payload(LENGTH, part))
            await world.until(() => ended.receivedLength === (part + 1) * LENGTH, 'data against the ended side')
          }
          assertSame(ended.received, Buffer.concat([0, 1, 2].map((part) => payload(LENGTH, part))), ended.label)
          other.connection.end()
          await world.untilClosed(ended, other)
          assert.deepEqual([ended.error, other.error], [undefined, undefined], world.describe())
        }))
    }

    it('closes cleanly when both ends are under way at once', () =>
      inWorld(subject, { listen: { allowHalfOpen: true } }, async (world) => {
        const { client, server, link } = await world.pair({ allowHalfOpen: true })
        link.toServer.holdEnd()
        link.toClient.holdEnd()
        client.write(payload(LENGTH))
        server.write(payload(LENGTH, 'server'))
        client.connection.end()
        server.connection.end()
        await world.until(
          () => server.receivedLength === LENGTH && client.receivedLength === LENGTH,
          'the data both ways',
        )
        assert.deepEqual([client.saw('end'), server.saw('end')], [false, false], "'end' came before the peer's FIN")
        link.toServer.releaseEnd()
        link.toClient.releaseEnd()
        await world.untilClosed(client, server)
        assert.deepEqual([client.error, server.error], [undefined, undefined], world.describe())
      }))
  }
}
