import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shadowsocks } from '../../../src/transports/shadowsocks/index.ts'
import type { ClientConfig } from '../../../src/ipc/config.ts'
import { BRIDGE, startClientWorld } from '../../support/dispatcher-world.ts'
import { VERSION_3 } from '../../support/ipc-lines.ts'
import { encodeCredentials, encodeSocks5Request } from '../../../src/wire/socks5.ts'

const SECRET = { method: 'aes-128-gcm', password: 'p' } as const
const DESTINATION = { host: 'example.org', port: 80 }

/** What the server on BRIDGE is asked for, by a client that goes to a destination with arguments. */
async function targetOf(
  changes: Partial<ClientConfig>,
  destination: { readonly host: string; readonly port: number },
  args: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const transports = [{ name: 'shadowsocks', arguments: { ...SECRET } }]
  const world = await startClientWorld({ transports, ...changes }, [])
  const listener = shadowsocks.server(SECRET, { platform: world.platform }).listen(BRIDGE)
  const targets: unknown[] = []
  listener.on('connection', (connection) => {
    connection.on('error', () => {})
    targets.push(connection.target)
  })
  const application = await world.connect()
  const text = Object.entries(args).map(([name, value]) => `${name}=${value}`)
  const credentials = encodeCredentials({ username: Buffer.from(text.join(';')), password: Buffer.of(0) })
  const greeting = text.length === 0 ? Buffer.of(5, 1, 0) : Buffer.concat([Buffer.of(5, 1, 2), credentials])
  application.write(Buffer.concat([greeting, encodeSocks5Request(destination), Buffer.from('x')]))
  await world.platform.clock.advance(20)
  application.destroy()
  listener.close()
  listener.closeAllConnections()
  await world.dispatcher.stop()
  assert.equal(targets.length, 1)
  return targets[0]
}

test('with a fixed PT server the destination of SOCKS is the target of transports that carry one', async () => {
  assert.deepEqual(await targetOf({ version: VERSION_3, target: BRIDGE }, DESTINATION), DESTINATION)
  const transports = [{ name: 'shadowsocks', arguments: { ...SECRET, serverAddress: `${BRIDGE.host}:${BRIDGE.port}` } }]
  assert.deepEqual(await targetOf({ transports }, DESTINATION), DESTINATION)
})

test('with a PT server of the connection, too', async () => {
  const args = { serverAddress: `${BRIDGE.host}:${BRIDGE.port}` }
  assert.deepEqual(await targetOf({}, DESTINATION, args), DESTINATION)
})

test('as tor has it, where the destination is the PT server, nothing is asked for', async () => {
  assert.deepEqual(await targetOf({}, BRIDGE), { host: '127.0.0.1', port: 1 })
})
