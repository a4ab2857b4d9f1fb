import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type IncomingMessage, type ServerResponse, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { skipWithoutObfs4proxy } from '../support/obfs4proxy.ts'
import { poll } from '../support/poll.ts'
import { ptkitPath } from '../support/ptkit.ts'
import { SocksRefusal, connectThroughSocks } from '../support/socks-client.ts'
import { type TorBridge, type TorClient, TorNetwork, skipWithoutTor } from '../support/tor-network.ts'
import type { TorProcess } from '../support/tor-process.ts'

const FILE_LENGTH = 16 * 1024 * 1024
/** Of the part that is sent before the circuit is looked at. */
const HEAD_LENGTH = 1024 * 1024
const END_LIMIT_MS = 5_000
/** A tor that has just come up refuses streams until it has a circuit to an exit that takes them. */
const CIRCUIT_LIMIT_MS = 30_000
const SOCKS_GENERAL_FAILURE = 1
const OBFS4PROXY = '/usr/bin/obfs4proxy'

const skip = skipWithoutTor === false ? skipWithoutObfs4proxy : skipWithoutTor

test('in a Tor network of our own', { skip, timeout: 240_000 }, async (context) => {
  const network = await TorNetwork.start(context)
  const ours = await network.startBridge(ptkitPath)

  await context.test('a client with ptkit reaches the world through a bridge with ptkit', async (t) => {
    await assertCarries(t, network, ours, ptkitPath)
  })
  await context.test('a client with obfs4proxy reaches the world through a bridge with ptkit', async (t) => {
    await assertCarries(t, network, ours, OBFS4PROXY)
  })
  await context.test('ptkit at a bridge ends with its tor', async () => {
    await assertEndsWithTransports(ours.tor)
  })
  await context.test('a client with ptkit reaches the world through a bridge with obfs4proxy', async (t) => {
    await assertCarries(t, network, await network.startBridge(OBFS4PROXY), ptkitPath)
  })
})

/** Starts a client and asserts that a file comes to it through three hops, the bridge first, which hears of it at its Extended ORPort. */
async function assertCarries(
  test: TestContext,
  network: TorNetwork,
  bridge: TorBridge,
  command: string,
): Promise<void> {
  const logged = (await bridge.debugLog()).length
  const client = await network.startClient(command, bridge)
  const source = await serveFile(test)
  const received = createHash('sha256')
  let length = 0
  const socket = await poll('a circuit that takes the stream', CIRCUIT_LIMIT_MS, () =>
    connectThroughSocks(client.socksPort, source.port, {}).catch((error: unknown) => {
      if (!(error instanceof SocksRefusal && error.reply === SOCKS_GENERAL_FAILURE)) throw error
      return undefined
    }),
  )
  const request = get({ path: '/', createConnection: () => socket })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.on('data', (bytes: Buffer) => {
    length += bytes.length
    received.update(bytes)
  })
  const ended = once(response, 'end')
  await assertThreeHops(client, bridge, source.port)
  source.sendRest()
  await ended
  assert.equal(length, FILE_LENGTH)
  assert.equal(received.digest('hex'), source.digest)

  const log = (await bridge.debugLog()).slice(logged)
  // tor writes these for commands on an authenticated connection to its Extended ORPort, and for none to its ORPort.
  const [, connection, rewritten] = /Received USERADDR\.We rewrite our address from '(\S+)' to '(\S+)'/.exec(log) ?? []
  assert.match(rewritten ?? '', /^127\.0\.0\.1:[1-9]\d*$/, 'the bridge is told the address of the client')
  assert.notEqual(rewritten, connection)
  assert.match(log, /Received DONE/)
  assert.match(log, /Seen client from '127\.0\.0\.1' with transport 'obfs4'/)
  for (const { lines } of [client.tor, bridge.tor])
    assert.deepEqual(
      lines.filter((line) => /\[(?:warn|err)\].*(?:managed|pluggable|transport|proxy)/i.test(line)),
      [],
    )
  await assertEndsWithTransports(client.tor)
}

/** Asserts, by the control port, that the stream to a port of loopback goes through three relays of which the bridge is the first. */
async function assertThreeHops({ tor }: TorClient, { fingerprint }: TorBridge, port: number): Promise<void> {
  const streams = await tor.info('stream-status')
  const [, circuit] = new RegExp(`^\\d+ SUCCEEDED (\\d+) 127\\.0\\.0\\.1:${port}$`, 'm').exec(streams) ?? []
  assert.ok(circuit !== undefined, `no stream to port ${port} in ${streams}`)
  const circuits = await tor.info('circuit-status')
  const [, path] = new RegExp(`^${circuit} BUILT (\\S+)`, 'm').exec(circuits) ?? []
  const hops = path?.split(',') ?? []
  assert.equal(hops.length, 3, `the circuit goes through ${path}`)
  assert.ok(hops[0]!.startsWith(`$${fingerprint}`), `the circuit goes through ${path}`)
}

/** Ends a tor and asserts that what it launched, and there is something, ends with it. */
async function assertEndsWithTransports(tor: TorProcess): Promise<void> {
  const ids = await tor.childIds()
  assert.equal(ids.length, 1, 'tor has launched one transport')
  await tor.stop()
  await poll('the end of the transport', END_LIMIT_MS, async () => !existsSync(`/proc/${ids[0]}`) || undefined)
}

/** Serves one file of random bytes on loopback, a head of it at once and the rest when asked to. */
async function serveFile(test: TestContext) {
  const file = randomBytes(FILE_LENGTH)
  let served: ServerResponse | undefined
  const server = createServer((_request, response) => {
    served = response
    response.writeHead(200, { 'content-length': FILE_LENGTH })
    response.write(file.subarray(0, HEAD_LENGTH))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return {
    port: (server.address() as AddressInfo).port,
    digest: createHash('sha256').update(file).digest('hex'),
    sendRest: (): void => void served!.end(file.subarray(HEAD_LENGTH)),
  }
}
