import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { exchange, receiveAll, send } from '../../support/exchange.ts'
import { skipWithoutObfs4proxy } from '../../support/obfs4proxy.ts'
import { apiEnd, dispatcherEnd, hostEnd } from '../../support/pt-ends.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** The kinds of ends of figure 3 (draft 5.2), the host's adapter over our program and over another. */
const ENDS = {
  API: apiEnd,
  dispatcher: dispatcherEnd,
  'host over ptkit': hostEnd('ptkit'),
  'host over obfs4proxy': hostEnd('obfs4proxy'),
}

for (const [clientName, client] of Object.entries(ENDS)) {
  describe(`a client by ${clientName}`, () => {
    for (const [serverName, server] of Object.entries(ENDS)) {
      const hasObfs4proxy = `${clientName} ${serverName}`.includes('obfs4proxy')
      const skip = hasObfs4proxy && skipWithoutObfs4proxy
      test(`carries data both ways, and ends, with a server by ${serverName}`, { timeout: 30_000, skip }, async (t) => {
        const { port, clientArguments, next } = await server.serve(t)
        const connect = await client.dial(t)
        for (let count = 0; count < 2; count++) {
          const near = await connect(port, clientArguments)
          const far = await next()
          await exchange(near, far, { toRight: MIB, toLeft: MIB })
          const received = receiveAll(far)
          const digest = await send(near, 64 * KIB)
          near.end()
          assert.deepEqual(await received, { length: 64 * KIB, digest })
          // obfs4proxy ends both directions with either.
          if (hasObfs4proxy) continue
          const answered = receiveAll(near)
          far.end('the end')
          assert.equal((await answered).length, 7)
        }
      })
    }
  })
}
