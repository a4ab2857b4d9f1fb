import assert from 'node:assert/strict'
import { payload } from './payload.ts'
import type { Theme } from './subject.ts'
import { inWorld } from './world.ts'

const ROUND_COUNT = 10
const DEFERRED_ROUND_LIMIT = 2_000

/** Nothing is left behind. (Each test of the suite checks its own world, too.) */
export const leftoverTests: Theme = (subject, { describe, it }) => {
  describe('what is left behind', () => {
    it('holds no timer and no stream of connections that have ended, however they did', () =>
      inWorld(subject, { serve: (server) => server.echo() }, async (world) => {
        const before = world.clock.timerCount
        for (let round = 0; round < ROUND_COUNT; round++) {
          const { client, server } = await world.pair()
          client.connection.setTimeout(60_000)
          client.write(payload(5_000))
          await world.until(() => client.receivedLength === 5_000, 'the echo')
          if (round % 3 === 0) client.connection.end()
          if (round % 3 === 1) client.connection.destroy()
          if (round % 3 === 2) server.connection.resetAndDestroy()
          await world.untilClosed(client, server)
        }
        await world.clock.settle()
        assert.equal(world.clock.timerCount, before, 'timers of connections that have ended are left behind')
        assert.equal(world.network.openStreamCount, 0, 'streams of connections that have ended are left open')
      }))

    it('holds nothing of clients that failed in their handshake', () =>
      inWorld(subject, { onLink: (link) => link.toServer.truncate(10, 'reset') }, async (world) => {
        const before = world.clock.timerCount
        for (let round = 0; round < ROUND_COUNT; round++) {
          const client = world.connect()
          client.write(payload(100))
          await world.untilClosed(client)
        }
        await world.clock.settle()
        assert.equal(world.clock.timerCount, before, 'timers of handshakes that failed are left behind')
      }))

    it('comes to an end with what it defers to idle turns', () =>
      inWorld(subject, {}, async (world) => {
        await world.pair()
        for (let round = 0; world.clock.deferredCount > 0; round++) {
          assert.ok(round < DEFERRED_ROUND_LIMIT, `work was deferred ${DEFERRED_ROUND_LIMIT} times over: it must end`)
          await world.clock.runDeferred()
        }
      }))
  })
}
