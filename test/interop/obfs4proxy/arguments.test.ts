import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { exchange } from '../../support/exchange.ts'
import { connectOurClient, startOurServer } from '../../support/obfs4-pairings.ts'
import { skipWithoutObfs4proxy, startObfs4proxyClient, startObfs4proxyServer } from '../../support/obfs4proxy.ts'
import { startApplicationServer } from '../../support/application-server.ts'
import { connectThroughSocks } from '../../support/socks-client.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { PtError } from '../../../src/core/errors.ts'

const LENGTHS = { toRight: 10_000, toLeft: 10_000 }

describe('what a client is told of its bridge', { skip: skipWithoutObfs4proxy }, () => {
  const startTheirServer = async (t: Parameters<typeof startApplicationServer>[0]) => {
    const { port: applicationPort, arrivals } = await startApplicationServer(t)
    const server = await startObfs4proxyServer(t, { stateDir: await temporaryDirectory(t), applicationPort })
    return { ...server, cert: server.clientArguments['cert']!, arrivals }
  }

  test('our client takes the cert with its "=="', async (t) => {
    const { port, cert, arrivals } = await startTheirServer(t)
    const client = await connectOurClient(t, port, { cert: `${cert}==` })
    await exchange(client, await arrivals.next(), LENGTHS)
  })

  test('our client takes the older node-id and public-key', async (t) => {
    const { port, cert, arrivals } = await startTheirServer(t)
    const client = await connectOurClient(t, port, splitCert(cert))
    await exchange(client, await arrivals.next(), LENGTHS)
  })

  test("obfs4proxy's client reaches our server by the older node-id and public-key", async (t) => {
    const { port, clientArguments, arrivals } = await startOurServer(t)
    const { nodeId, publicKey } = splitCert(clientArguments['cert']!)
    const { socksPort } = await startObfs4proxyClient(t, await temporaryDirectory(t))
    const args = { 'node-id': nodeId, 'public-key': publicKey, 'iat-mode': '0' }
    const client = await connectThroughSocks(socksPort, port, args)
    t.after(() => client.destroy())
    await exchange(client, await arrivals.next(), LENGTHS)
  })

  test("our client fails with the handshake's limit when the cert is another bridge's", async (t) => {
    const { port, cert } = await startTheirServer(t)
    const wrong = `${cert[0] === 'A' ? 'B' : 'A'}${cert.slice(1)}`
    await assert.rejects(connectOurClient(t, port, { cert: wrong }, { handshakeTimeoutMs: 1_000 }), (error) => {
      return error instanceof PtError && error.code === 'PT_HANDSHAKE_TIMEOUT'
    })
  })
})

function splitCert(cert: string): { readonly nodeId: string; readonly publicKey: string } {
  const bytes = Buffer.from(cert, 'base64')
  return { nodeId: bytes.toString('hex', 0, 20), publicKey: bytes.toString('hex', 20) }
}
