import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type TestContext, describe, test } from 'node:test'
import { startApplicationServer } from '../../support/application-server.ts'
import type { ArrivalQueue } from '../../support/arrivals.ts'
import { exchange, receiveAll, send } from '../../support/exchange.ts'
import { skipWithoutObfs4proxy, startObfs4proxyClient, startObfs4proxyServer } from '../../support/obfs4proxy.ts'
import { startPtkitClient, startPtkitServer } from '../../support/ptkit-process.ts'
import { connectThroughSocks } from '../../support/socks-client.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const MIB = 1024 * 1024

interface Chain {
  readonly connect: () => Promise<Socket>
  readonly arrivals: ArrivalQueue<Socket>
}

async function startChain(
  test: TestContext,
  { ourClient, ourServer }: { readonly ourClient: boolean; readonly ourServer: boolean },
): Promise<Chain> {
  const { port: applicationPort, arrivals } = await startApplicationServer(test)
  const stateDir = await temporaryDirectory(test)
  const server = ourServer
    ? await startPtkitServer(test, stateDir, { TOR_PT_ORPORT: `127.0.0.1:${applicationPort}` })
    : await startObfs4proxyServer(test, { stateDir, applicationPort })
  const client = await (ourClient ? startPtkitClient : startObfs4proxyClient)(test, await temporaryDirectory(test))
  const connect = async (): Promise<Socket> => {
    const socket = await connectThroughSocks(client.socksPort, server.port, server.clientArguments)
    socket.on('error', () => {})
    test.after(() => socket.destroy())
    return socket
  }
  return { connect, arrivals }
}

for (const [title, sides] of [
  ["ptkit's client and ptkit's server", { ourClient: true, ourServer: true }],
  ["ptkit's client and obfs4proxy's server", { ourClient: true, ourServer: false }],
  ["obfs4proxy's client and ptkit's server", { ourClient: false, ourServer: true }],
] as const) {
  describe(title, { skip: (!sides.ourClient || !sides.ourServer) && skipWithoutObfs4proxy }, () => {
    test('carry 16 MiB each way on each of 4 connections', { timeout: 60_000 }, async (t) => {
      const { connect, arrivals } = await startChain(t, sides)
      for (let count = 0; count < 4; count++) {
        const near = await connect()
        const far = await arrivals.next()
        await exchange(near, far, { toRight: 16 * MIB, toLeft: 16 * MIB })
        near.destroy()
        far.destroy()
      }
    })

    test('end one side when the other does', { timeout: 60_000 }, async (t) => {
      const { connect, arrivals } = await startChain(t, sides)
      const near = await connect()
      const far = await arrivals.next()
      const received = receiveAll(far)
      const ended = Promise.all([once(near, 'end'), once(far, 'close')])
      near.resume()
      const digest = await send(near, MIB)
      near.end()
      assert.deepEqual(await received, { length: MIB, digest })
      far.end()
      await ended
    })
  })
}
