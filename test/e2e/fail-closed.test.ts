import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { IsolatedNetwork, OUTSIDE_HOST, OUTSIDE_PORT, skipWithoutNamespaces } from '../support/isolated-network.ts'
import { ManagedProcess } from '../support/managed-process.ts'
import { torEnvironment } from '../support/ptkit-process.ts'
import { ptkitPath } from '../support/ptkit.ts'
import { runCommand } from '../support/run-command.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const skip = skipWithoutNamespaces
const BRIDGE_NAME = 'bridge.example'
/** Nobody listens there inside. */
const DEAD_PROXY = '127.0.0.1:1080'
const SOCKS_FAILED = 97
const GENERAL_FAILURE = 1
const REFUSED = 5
const PROXY_ERROR_CODE = 69
const SILENCE = { packetCount: 0, datagramCount: 0, queries: [], arrivalCount: 0 }
const cert = randomBytes(52).toString('base64').replace(/=+$/, '')

/** Starts an obfs4 client inside, with an upstream proxy or without. */
async function startInside(
  test: TestContext,
  network: IsolatedNetwork,
  proxy?: string,
  transport = 'obfs4',
): Promise<ManagedProcess> {
  const [command, args] = network.command(process.execPath, ptkitPath)
  return new ManagedProcess(test, command, args, {
    ...torEnvironment(await temporaryDirectory(test)),
    TOR_PT_CLIENT_TRANSPORTS: transport,
    ...(proxy !== undefined && { TOR_PT_PROXY: proxy }),
  })
}

/** Asks the client for a bridge by address and by name, and asserts that it answers both with a code of SOCKS5, not with silence. */
async function assertFails(test: TestContext, network: IsolatedNetwork, client: string, reply: number): Promise<void> {
  for (const host of [OUTSIDE_HOST, BRIDGE_NAME]) {
    const way = ['--socks5-hostname', client, '--proxy-user', `cert=${cert};:iat-mode=0`]
    const curl = ['curl', '-sS', '--noproxy', '', '--max-time', '15', ...way, `http://${host}:${OUTSIDE_PORT}/`]
    const { code, stderr } = await runCommand(test, ...network.command(...curl))
    assert.equal(code, SOCKS_FAILED, stderr)
    assert.ok(stderr.includes(`${host}. (${reply})`), stderr)
  }
}

async function addressOf(client: ManagedProcess): Promise<string> {
  const [, , , address] = (await client.line('CMETHOD ')).split(' ')
  await client.line('CMETHODS DONE')
  return address!
}

test('without an upstream proxy the traps see a client, its packets and its queries', { skip }, async (context) => {
  const network = await IsolatedNetwork.open(context)
  assert.deepEqual(await network.traffic(), { ...SILENCE, dialCount: 0 })
  await assertFails(context, network, await addressOf(await startInside(context, network)), GENERAL_FAILURE)
  const { arrivalCount, queries, packetCount, datagramCount, dialCount } = await network.traffic()
  assert.equal(arrivalCount, 2)
  assert.ok(queries.includes(BRIDGE_NAME))
  assert.ok(packetCount > 0 && datagramCount > 0)
  assert.equal(dialCount, 4)
})

for (const scheme of ['http', 'socks4a', 'socks5', 'socks5-with-credentials']) {
  test(`nothing goes around a dead proxy: ${scheme}`, { skip }, async (context) => {
    const network = await IsolatedNetwork.open(context)
    const proxy = scheme.includes('-') ? `socks5://user:password@${DEAD_PROXY}` : `${scheme}://${DEAD_PROXY}`
    const client = await startInside(context, network, proxy)
    await client.line('PROXY DONE')
    const address = await addressOf(client)
    await assertFails(context, network, address, REFUSED)
    await client.kill()
    // Two of curl's to the client, two of the client's to the proxy.
    assert.deepEqual(await network.traffic(), { ...SILENCE, dialCount: 4 })
  })
}

for (const proxy of [undefined, `http://${DEAD_PROXY}`, `socks5://${DEAD_PROXY}`]) {
  const title = proxy === undefined ? 'are looked up without a proxy' : `go to a dead proxy alone: ${proxy.slice(0, 5)}`
  test(`the names that webtunnel is told ${title}`, { skip }, async (context) => {
    const network = await IsolatedNetwork.open(context)
    const client = await startInside(context, network, proxy, 'webtunnel')
    const address = await addressOf(client)
    const user = encodeURIComponent(`url=https://${BRIDGE_NAME}:${OUTSIDE_PORT}/secret;servername=cover.example`)
    const way = ['--proxy', `socks5h://${user}:${encodeURIComponent(';ver=0')}@${address}`]
    const curl = ['curl', '-sS', '--noproxy', '', '--max-time', '15', ...way, 'http://192.0.2.3:1/']
    const { code, stderr } = await runCommand(context, ...network.command(...curl))
    assert.equal(code, SOCKS_FAILED, stderr)
    await client.kill()
    const { queries, arrivalCount, packetCount, datagramCount } = await network.traffic()
    if (proxy === undefined) {
      assert.ok(queries.includes(BRIDGE_NAME) && arrivalCount === 1, `${queries.join()} ${arrivalCount}`)
      assert.equal(queries.includes('cover.example'), false)
    } else assert.deepEqual([packetCount, datagramCount, queries, arrivalCount], [0, 0, [], 0])
  })
}

test('nothing goes around a proxy that dies in mid-handshake', { skip }, async (context) => {
  const network = await IsolatedNetwork.open(context)
  const [command, args] = network.command('sh', '-c', 'echo ready; exec ncat -lk -e /bin/true 127.0.0.1 1080')
  await new ManagedProcess(context, command, args).line('ready')
  const client = await startInside(context, network, `socks5://${DEAD_PROXY}`)
  const address = await addressOf(client)
  await assertFails(context, network, address, GENERAL_FAILURE)
  await client.kill()
  assert.deepEqual(await network.traffic(), { ...SILENCE, dialCount: 4 })
})

for (const { name, proxy } of [
  { name: 'of a scheme that it does not have', proxy: `https://${DEAD_PROXY}` },
  { name: 'that is SOCKS4 without names', proxy: `socks4://${DEAD_PROXY}` },
  { name: 'with a host name', proxy: 'socks5://proxy.example:1080' },
  { name: 'without a port', proxy: 'socks5://127.0.0.1' },
]) {
  test(`a client with a proxy ${name} ends without a word to the network`, { skip }, async (context) => {
    const network = await IsolatedNetwork.open(context)
    const client = await startInside(context, network, proxy)
    const exited = once(client.child, 'exit')
    await client.line('PROXY-ERROR ')
    await assert.rejects(client.line('CMETHOD'), /the process ended/)
    assert.deepEqual((await exited)[0], PROXY_ERROR_CODE)
    assert.deepEqual(await network.traffic(), { ...SILENCE, dialCount: 0 })
  })
}
