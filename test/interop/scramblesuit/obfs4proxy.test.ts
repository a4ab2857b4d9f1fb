import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, describe, test } from 'node:test'
import { systemPlatform } from '../../../src/platform/index.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { parsePassword } from '../../../src/transports/scramblesuit/password.ts'
import { silenceMsOf } from '../../../src/transports/scramblesuit/server.ts'
import { closesWithoutError, exchange, receiveAll, send } from '../../support/exchange.ts'
import { skipWithoutObfs4proxy, startObfs4proxyClient } from '../../support/obfs4proxy.ts'
import { poll } from '../../support/poll.ts'
import { startProber } from '../../support/prober.ts'
import { readExactly } from '../../support/read-exactly.ts'
import { startRecordingRelay } from '../../support/recording-relay.ts'
import {
  type ScrambleSuitServer,
  countRedeemedTickets,
  startScrambleSuitServer,
} from '../../support/scramblesuit-server.ts'
import { connectThroughSocks } from '../../support/socks-client.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const MIB = 1024 * 1024
const SHORT = { toRight: 10_000, toLeft: 10_000 }

/** obfs4proxy's client, and the ticket that it keeps of a server. */
async function startTheirClient(t: TestContext) {
  const stateDir = await temporaryDirectory(t)
  const { socksPort } = await startObfs4proxyClient(t, stateDir, 'scramblesuit')
  const ticketOf = async (port: number): Promise<string | undefined> => {
    const text = await readFile(join(stateDir, 'scramblesuit_tickets.json'), 'utf8').catch(() => '{}')
    const tickets = JSON.parse(text) as Readonly<Record<string, { readonly 'key-ticket': string }>>
    return tickets[`127.0.0.1:${port}`]?.['key-ticket']
  }
  return {
    connect: async ({
      port,
      clientArguments,
    }: Pick<ScrambleSuitServer, 'port' | 'clientArguments'>): Promise<Socket> => {
      const socket = await connectThroughSocks(socksPort, port, clientArguments)
      socket.on('error', () => {})
      t.after(() => socket.destroy())
      return socket
    },
    /** Waits for a ticket other than `last`. */
    ticket: (port: number, last?: string) =>
      poll('a new ticket in the file of obfs4proxy', 5_000, async () => {
        const ticket = await ticketOf(port)
        return ticket === last ? undefined : ticket
      }),
  }
}

describe("obfs4proxy's client and our server", { skip: skipWithoutObfs4proxy, timeout: 60_000 }, () => {
  test('16 MiB each way by UniformDH, then by a ticket, and each brings a new ticket', async (t) => {
    const stateDir = await temporaryDirectory(t)
    const server = await startScrambleSuitServer(t, { stateDir })
    const client = await startTheirClient(t)
    let ticket: string | undefined
    for (const redeemedCount of [0, 1, 2]) {
      const near = await client.connect(server)
      await exchange(near, await server.arrivals.next(), { toRight: 16 * MIB, toLeft: 16 * MIB })
      assert.equal(await countRedeemedTickets(stateDir), redeemedCount)
      ticket = await client.ticket(server.port, ticket)
      near.destroy()
    }
  })

  test('a ticket is good for a server that was started again with its state', async (t) => {
    const stateDir = await temporaryDirectory(t)
    const first = await startScrambleSuitServer(t, { stateDir })
    const client = await startTheirClient(t)
    const near = await client.connect(first)
    await exchange(near, await first.arrivals.next(), SHORT)
    await client.ticket(first.port)
    near.destroy()
    await first.close()

    const second = await startScrambleSuitServer(t, { stateDir }, { port: first.port })
    assert.deepEqual(second.clientArguments, first.clientArguments)
    const again = await client.connect(second)
    await exchange(again, await second.arrivals.next(), SHORT)
    assert.equal(await countRedeemedTickets(stateDir), 1)
  })

  test('a ticket of another ticket key gets no answer, and the next connection works', async (t) => {
    const stateDir = await temporaryDirectory(t)
    const first = await startScrambleSuitServer(t, { stateDir })
    const client = await startTheirClient(t)
    const near = await client.connect(first)
    await exchange(near, await first.arrivals.next(), SHORT)
    const ticket = await client.ticket(first.port)
    near.destroy()
    await first.close()
    await rm(join(stateDir, 'scramblesuit_ticket_keys.json'))

    const second = await startScrambleSuitServer(t, { stateDir }, { port: first.port })
    const refused = await client.connect(second)
    const received: Buffer[] = []
    refused.on('data', (bytes: Buffer) => received.push(bytes))
    refused.write('hello?')
    const works = await client.connect(second)
    await exchange(works, await second.arrivals.next(), SHORT)
    await client.ticket(first.port, ticket)
    assert.deepEqual(received, [])
    assert.equal(refused.readableEnded, false)
    assert.equal(await countRedeemedTickets(stateDir), 0)
  })

  test('a wrong password gets no answer', async (t) => {
    const server = await startScrambleSuitServer(t)
    const client = await startTheirClient(t)
    const { port } = server
    const waiting = client.connect({ port, clientArguments: { password: 'A'.repeat(32) } })
    const settled = waiting.then(
      () => 'open',
      () => 'refused',
    )
    const near = await client.connect(server)
    await exchange(near, await server.arrivals.next(), SHORT)
    const first = await Promise.race([settled, Promise.resolve('waiting')])
    assert.equal(first, 'waiting')
  })

  test('a greeting arrives although the client says nothing, 20 times', async (t) => {
    const server = await startScrambleSuitServer(t)
    const client = await startTheirClient(t)
    server.arrivals.forEach((stream) => void stream.write('220 the server speaks first\r\n'))
    for (let count = 0; count < 20; count++) {
      const near = await client.connect(server)
      assert.match(String(await readExactly(near, 29)), /^220/)
      near.destroy()
    }
  })

  for (const side of ['client', 'server'] as const) {
    test(`all bytes before the FIN of the ${side}'s application arrive`, async (t) => {
      const server = await startScrambleSuitServer(t)
      const client = await startTheirClient(t)
      const near = await client.connect(server)
      const far = await server.arrivals.next()
      const [sender, receiver] = side === 'client' ? [near, far] : [far, near]
      const closed = Promise.all([closesWithoutError(sender), closesWithoutError(receiver)])
      const received = receiveAll(receiver)
      const digest = await send(sender, MIB)
      sender.end()
      sender.resume()
      assert.deepEqual(await received, { length: MIB, digest })
      receiver.end()
      await closed
    })
  }

  test('who replays a handshake of it, or sends anything else, gets no byte and a FIN at one time', async (t) => {
    const clock = new FakeClock(Date.now())
    const server = await startScrambleSuitServer(t, {}, { platform: { ...systemPlatform, clock } })
    const relay = await startRecordingRelay(t, server.port)
    const client = await startTheirClient(t)
    const hellos: Buffer[] = []
    let ticket: string | undefined
    // The client speaks first: with this clock a server's first word would wait for ever.
    const converse = async (port: number): Promise<Socket> => {
      const near = await client.connect({ ...server, port })
      near.write('x')
      const far = await server.arrivals.next()
      await readExactly(far, 1)
      await exchange(near, far, SHORT)
      return near
    }
    for (let count = 0; count < 2; count++) {
      const near = await converse(relay.port)
      ticket = await client.ticket(relay.port, ticket)
      hellos.push(await relay.recordings[count]!.hello)
      near.destroy()
    }
    const [agreement, redemption] = hellos as [Buffer, Buffer]
    assert.ok(agreement.length >= 224 && redemption.length >= 144)
    const attacks: readonly Buffer[] = [
      Buffer.alloc(0),
      randomBytes(1_531),
      randomBytes(1_532),
      randomBytes(100_000),
      agreement,
      agreement.subarray(0, -1),
      redemption,
      Buffer.concat([redemption.subarray(0, 112), randomBytes(3_000)]),
    ]
    const probers = await Promise.all(attacks.map(() => startProber(t, server.port)))
    await Promise.all(
      probers.map(
        ({ socket }, index) => new Promise<void>((resolve) => socket.write(attacks[index]!, () => resolve())),
      ),
    )
    await converse(server.port)
    const silenceMs = silenceMsOf(parsePassword(server.clientArguments['password']!)!)
    await clock.advance(silenceMs - 1_000)
    await converse(server.port)
    for (const { sight } of probers) assert.deepEqual(sight, { byteCount: 0, endedAt: undefined, failure: undefined })
    await clock.advance(1_000)
    for (const { ended } of probers) {
      const { byteCount, failure } = await ended
      assert.deepEqual({ byteCount, failure }, { byteCount: 0, failure: undefined })
    }
  })
})
