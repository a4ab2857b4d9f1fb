import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { closesWithoutError, receiveAll, send } from '../../support/exchange.ts'
import { pairings } from '../../support/obfs4-pairings.ts'
import { skipWithoutObfs4proxy } from '../../support/obfs4proxy.ts'

const LENGTH = 4 * 1024 * 1024

// obfs4proxy answers FIN by closing both directions: what travelled towards its sender is lost, what came before the FIN is not.
describe('a FIN ends the link cleanly', { skip: skipWithoutObfs4proxy }, () => {
  for (const { name, open } of pairings) {
    for (const first of ['client', 'server'] as const) {
      test(`${name}: all bytes before the FIN of the ${first}'s application arrive`, { timeout: 30_000 }, async (t) => {
        const { connect, arrivals } = await open(t, {})
        const client = await connect()
        const server = await arrivals.next()
        const [sender, receiver] = first === 'client' ? [client, server] : [server, client]
        const closed = Promise.all([closesWithoutError(sender), closesWithoutError(receiver)])
        const received = receiveAll(receiver)
        const sent = await send(sender, LENGTH)
        sender.end()
        sender.resume()
        assert.deepEqual(await received, { length: LENGTH, digest: sent })
        receiver.end()
        await closed
      })
    }
  }
})
