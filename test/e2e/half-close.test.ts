import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Duplex } from 'node:stream'
import { closesWithoutError, receiveAll, send } from '../support/exchange.ts'
import { connectOurClient, startOurServer } from '../support/obfs4-pairings.ts'

const LENGTH = 4 * 1024 * 1024

describe('half-close between our two sides', { timeout: 30_000 }, () => {
  for (const first of ['client', 'server'] as const) {
    test(`the ${first} ends first, and still receives all that the other sends after`, async (t) => {
      const { port, clientArguments, arrivals } = await startOurServer(t)
      const client: Duplex = await connectOurClient(t, port, { cert: clientArguments['cert']! })
      const server: Duplex = await arrivals.next()
      const [early, late] = first === 'client' ? [client, server] : [server, client]
      const closed = Promise.all([closesWithoutError(early), closesWithoutError(late)])

      const receivedEarly = receiveAll(early)
      const receivedLate = receiveAll(late)
      const sentEarly = await send(early, LENGTH)
      early.end()
      assert.deepEqual(await receivedLate, { length: LENGTH, digest: sentEarly })
      assert.equal(early.readableEnded, false)
      const sentLate = await send(late, LENGTH)
      late.end()
      assert.deepEqual(await receivedEarly, { length: LENGTH, digest: sentLate })
      await closed
    })
  }

  test('both end at once, with bytes on the way in both directions', async (t) => {
    const { port, clientArguments, arrivals } = await startOurServer(t)
    const client = await connectOurClient(t, port, { cert: clientArguments['cert']! })
    const server = await arrivals.next()
    const closed = Promise.all([closesWithoutError(client), closesWithoutError(server)])
    const received = Promise.all([receiveAll(client), receiveAll(server)])
    const [sentByClient, sentByServer] = await Promise.all(
      [client, server].map(async (stream) => {
        const digest = await send(stream, LENGTH)
        stream.end()
        return digest
      }),
    )
    const [receivedByClient, receivedByServer] = await received
    assert.deepEqual(receivedByClient, { length: LENGTH, digest: sentByServer })
    assert.deepEqual(receivedByServer, { length: LENGTH, digest: sentByClient })
    await closed
  })
})
