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
const PROXY_ERROR_CODE = 69
const SILENCE = { packetCount: 0, datagramCount: 0, queries: [], arrivalCount: 0 }
const cert = randomBytes(52).toString('base64').replace(/=+$/, '')

/** Starts an obfs4 client inside, with an upstream proxy or without. */
async function startInside(test: TestContext, network: IsolatedNetwork, proxy?: string): Promise<ManagedProcess> {
  const [command, args] = network.command(process.execPath, ptkitPath)
  return new ManagedProcess(test, command, args, {
    ...torEnvironment(await temporaryDirectory(test)),
    TOR_PT_CLIENT_TRANSPORTS: 'obfs4',
    ...(proxy !== undefined && { TOR_PT_PROXY: proxy }),
  })
}

/** Asks the client for a bridge, and asserts that it answers with a failure, not with silence. */
async function assertFails(test: TestContext, network: IsolatedNetwork, client: string, host: string): Promise<string> {
  const way = ['--socks5-hostname', client, '--proxy-user', `cert=${cert};:iat-mode=0`]
  const curl = ['curl', '-sS', '--noproxy', '', '--max-time', '15', ...way, `http://${host}:${OUTSIDE_PORT}/`]
  const { code, stderr } = await runCommand(test, ...network.command(...curl))
  assert.equal(code, SOCKS_FAILED, stderr)
  return stderr
}

async function addressOf(client: ManagedProcess): Promise<string> {
  const [, , , address] = (await client.line('CMETHOD obfs4 ')).split(' ')
  await client.line('CMETHODS DONE')
  return address!
}

test('without an upstream proxy the traps see a client, its packets and its queries', { skip }, async (context) => {
  const network = await IsolatedNetwork.open(context)
  assert.deepEqual(await network.traffic(), { ...SILENCE, dialCount: 0 })
  const address = await addressOf(await startInside(context, network))
  await assertFails(context, network, address, OUTSIDE_HOST)
  const before = await network.traffic()
  assert.deepEqual([before.arrivalCount, before.queries], [1, []])
  assert.notEqual(before.packetCount, 0)
  await assertFails(context, network, address, BRIDGE_NAME)
  const after = await network.traffic()
  assert.equal(after.arrivalCount, 2)
  assert.ok(after.queries.includes(BRIDGE_NAME))
  assert.notEqual(after.datagramCount, 0)
})

for (const scheme of ['http', 'socks4a', 'socks5', 'socks5-with-credentials']) {
  test(`nothing goes around a dead proxy: ${scheme}`, { skip }, async (context) => {
    const network = await IsolatedNetwork.open(context)
    const proxy = scheme.includes('-') ? `socks5://user:password@${DEAD_PROXY}` : `${scheme}://${DEAD_PROXY}`
    const client = await startInside(context, network, proxy)
    await client.line('PROXY DONE')
    const address = await addressOf(client)
    for (const host of [OUTSIDE_HOST, BRIDGE_NAME]) await assertFails(context, network, address, host)
    await client.kill()
    // Two of curl's to the client, two of the client's to the proxy.
    assert.deepEqual(await network.traffic(), { ...SILENCE, dialCount: 4 })
  })
}

test('nothing goes around a proxy that dies in mid-handshake', { skip }, async (context) => {
  const network = await IsolatedNetwork.open(context)
  const [command, args] = network.command('sh', '-c', 'echo ready; exec ncat -lk -e /bin/true 127.0.0.1 1080')
  await new ManagedProcess(context, command, args).line('ready')
  const client = await startInside(context, network, `socks5://${DEAD_PROXY}`)
  const address = await addressOf(client)
  for (const host of [OUTSIDE_HOST, BRIDGE_NAME]) await assertFails(context, network, address, host)
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
