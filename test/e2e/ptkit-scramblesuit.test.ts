import assert from 'node:assert/strict'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, describe, test } from 'node:test'
import { formatBridgeLine, parseBridgeLine } from '../../src/core/bridge-line.ts'
import type { Arguments } from '../../src/core/transport.ts'
import { TICKET_LENGTH } from '../../src/transports/scramblesuit/constants.ts'
import { scramblesuit } from '../../src/transports/scramblesuit/index.ts'
import { startApplicationServer } from '../support/application-server.ts'
import { exchange } from '../support/exchange.ts'
import { parseServerMethod, portOf } from '../support/method-lines.ts'
import { poll } from '../support/poll.ts'
import { startPtkit, torEnvironment } from '../support/ptkit-process.ts'
import { countRedeemedTickets } from '../support/scramblesuit-server.ts'
import { SocksRefusal, connectThroughSocks } from '../support/socks-client.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const MIB = 1024 * 1024
const SHORT = { toRight: 10_000, toLeft: 10_000 }

async function startServer(t: TestContext, stateDir: string, applicationPort: number, port = 0) {
  const child = startPtkit(t, {
    ...torEnvironment(stateDir),
    TOR_PT_SERVER_TRANSPORTS: 'scramblesuit',
    TOR_PT_SERVER_BINDADDR: `scramblesuit-127.0.0.1:${port}`,
    TOR_PT_ORPORT: `127.0.0.1:${applicationPort}`,
  })
  const line = await child.line('SMETHOD scramblesuit ')
  await child.line('SMETHODS DONE')
  return { child, line, ...parseServerMethod(line) }
}

async function startClient(t: TestContext, stateDir?: string) {
  stateDir ??= await temporaryDirectory(t)
  const child = startPtkit(t, { ...torEnvironment(stateDir), TOR_PT_CLIENT_TRANSPORTS: 'scramblesuit' })
  const [, , , address] = (await child.line('CMETHOD scramblesuit ')).split(' ')
  await child.line('CMETHODS DONE')
  const socksPort = portOf(address!)
  const connect = async (port: number, args: Arguments) => {
    const socket = await connectThroughSocks(socksPort, port, args)
    socket.on('error', () => {})
    t.after(() => socket.destroy())
    return socket
  }
  return { child, connect }
}

describe('ScrambleSuit through ptkit on both sides', { timeout: 60_000 }, () => {
  test('carries 16 MiB each way, by UniformDH first and then by tickets, also after a restart', async (t) => {
    const { port: applicationPort, arrivals } = await startApplicationServer(t)
    const stateDir = await temporaryDirectory(t)
    const first = await startServer(t, stateDir, applicationPort)
    assert.match(first.line, /^SMETHOD scramblesuit 127\.0\.0\.1:\d+ ARGS:password=[A-Z2-7]{32}$/)
    const { connect } = await startClient(t)
    for (const redeemedCount of [0, 1, 2]) {
      const near = await connect(first.port, first.clientArguments)
      const far = await arrivals.next()
      await exchange(near, far, redeemedCount === 0 ? { toRight: 16 * MIB, toLeft: 16 * MIB } : SHORT)
      near.destroy()
      far.destroy()
      assert.equal(await countRedeemedTickets(stateDir), redeemedCount)
    }
    await first.child.kill('SIGTERM')
    const second = await startServer(t, stateDir, applicationPort, first.port)
    assert.deepEqual(second.clientArguments, first.clientArguments)
    await exchange(await connect(second.port, second.clientArguments), await arrivals.next(), SHORT)
    assert.equal(await countRedeemedTickets(stateDir), 3)
  })

  test('a client finds its tickets again after a restart, in a file for its owner alone', async (t) => {
    const { port: applicationPort, arrivals } = await startApplicationServer(t)
    const [serverState, clientState] = [await temporaryDirectory(t), await temporaryDirectory(t)]
    const server = await startServer(t, serverState, applicationPort)
    const tickets = join(clientState, 'scramblesuit_tickets.bin')
    for (const redeemedCount of [0, 1]) {
      const { child, connect } = await startClient(t, clientState)
      await exchange(await connect(server.port, server.clientArguments), await arrivals.next(), SHORT)
      assert.equal(await countRedeemedTickets(serverState), redeemedCount)
      await poll('a ticket in the file', 10_000, async () => {
        const written = (await readFile(tickets)).filter((byte) => byte !== 0)
        return written.length > TICKET_LENGTH / 2 || undefined
      })
      await child.kill('SIGTERM')
    }
    assert.equal((await stat(tickets)).mode & 0o777, 0o600)
  })

  test('keeps its password and keys for its owner alone', async (t) => {
    const stateDir = await temporaryDirectory(t)
    const { clientArguments } = await startServer(t, stateDir, 1)
    for (const name of ['state.json', 'ticket_keys.json', 'replay.bin', 'redeemed.bin'])
      assert.equal((await stat(join(stateDir, `scramblesuit_${name}`))).mode & 0o777, 0o600, name)
    const stored = await readFile(join(stateDir, 'scramblesuit_state.json'), 'utf8')
    assert.deepEqual(JSON.parse(stored), clientArguments)
  })

  test('a bridge line of what the server tells reaches it through the API', async (t) => {
    const { port: applicationPort, arrivals } = await startApplicationServer(t)
    const server = await startServer(t, await temporaryDirectory(t), applicationPort)
    const line = `Bridge scramblesuit 127.0.0.1:${server.port} password=${server.clientArguments['password']}`
    const bridge = parseBridgeLine(line)
    assert.equal(formatBridgeLine(bridge), line)
    const near = scramblesuit.clientFor(bridge).connect({ host: '127.0.0.1', port: server.port })
    t.after(() => near.destroy())
    await exchange(near, await arrivals.next(), SHORT)
  })

  test('refuses a connection without a password', async (t) => {
    const { connect } = await startClient(t)
    await assert.rejects(connect(1, { password: 'too short' }), SocksRefusal)
  })
})
