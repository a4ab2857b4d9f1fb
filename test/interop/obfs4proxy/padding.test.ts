import { describe, test } from 'node:test'
import { exchange } from '../../support/exchange.ts'
import { startApplicationServer } from '../../support/application-server.ts'
import { connectOurClient } from '../../support/obfs4-pairings.ts'
import { skipWithoutObfs4proxy, startObfs4proxyServer } from '../../support/obfs4proxy.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const FACTORY_COUNT = 20

describe("padding: 'exempt'", { skip: skipWithoutObfs4proxy }, () => {
  // Each Client Factory draws its own form.
  test(
    `obfs4proxy's server answers the hellos of ${FACTORY_COUNT} client factories`,
    { timeout: 30_000 },
    async (t) => {
      const { port: applicationPort, arrivals } = await startApplicationServer(t)
      const server = await startObfs4proxyServer(t, { stateDir: await temporaryDirectory(t), applicationPort })
      const cert = server.clientArguments['cert']!
      for (let count = 0; count < FACTORY_COUNT; count++) {
        const client = await connectOurClient(t, server.port, { cert, padding: 'exempt' })
        await exchange(client, await arrivals.next(), { toRight: 5_000, toLeft: 5_000 })
        client.destroy()
      }
    },
  )
})
