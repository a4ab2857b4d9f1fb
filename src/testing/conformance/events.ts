import assert from 'node:assert/strict'
import { payload, assertSame } from './payload.ts'
import type { Theme } from './subject.ts'
import { inWorld } from './world.ts'

const HANDSHAKE_TIMEOUT_MS = 5_000
const IDLE_MS = 1_000

/** The orders of events of a Connection and a Listener. */
export const eventTests: Theme = (subject, { describe, it }) => {
  describe('events of a connection', () => {
    it("emits 'connect', then 'ready', then data", () =>
      inWorld(subject, { serve: (server) => server.echo() }, async (world) => {
        const client = world.connect()
        assert.equal(client.connection.connecting, true, 'connecting is true before the handshake is done')
        assert.equal(client.connection.readyState, 'opening', "readyState is 'opening' before the handshake is done")
        client.write(payload(100))
        await world.until(() => client.receivedLength === 100, 'the echo of 100 bytes')
        assert.deepEqual(client.events, ['connect', 'ready', 'data'])
        assert.equal(client.connection.connecting, false, "connecting is false after 'connect'")
        assert.equal(client.connection.pending, false, "pending is false after 'connect'")
        assert.equal(client.connection.readyState, 'open')
      }))

    it("delivers what was written before 'connect', in order", () =>
      inWorld(subject, {}, async (world) => {
        const client = world.connect()
        const sent = payload(3_000)
        for (let at = 0; at < sent.length; at += 1_000) client.write(sent.subarray(at, at + 1_000))
        await world.until(() => world.servers[0]?.receivedLength === sent.length, 'the 3,000 bytes at the server')
        assertSame(world.servers[0]!.received, sent, 'the server')
        await world.until(() => client.callbacks.every((calls) => calls === 1), 'a callback for each write')
      }))

    it("delivers the data and the end of a client that ended before 'connect'", () =>
      inWorld(subject, {}, async (world) => {
        const client = world.connect()
        client.write(payload(500))
        client.connection.end()
        await world.until(() => world.servers[0]?.saw('end') === true, "the server's 'end'")
        assertSame(world.servers[0]!.received, payload(500), 'the server')
        await world.untilClosed(client, world.servers[0]!)
        assert.deepEqual([client.error, world.servers[0]!.error], [undefined, undefined], world.describe())
      }))

    it("emits 'end', 'finish' and one 'close' on both sides when both have ended", () =>
      inWorld(subject, {}, async (world) => {
        const { client, server } = await world.pair()
        client.write(payload(10))
        await world.until(() => server.receivedLength === 10, '10 bytes at the server')
        client.connection.end()
        server.connection.end()
        await world.untilClosed(client, server)
        for (const each of [client, server]) {
          assert.equal(each.error, undefined, world.describe())
          assert.ok(each.saw('end') && each.saw('finish'), `both halves end before 'close'\n${world.describe()}`)
        }
      }))

    it('calls back end() once: when all is sent, and with an error when it never will be', () =>
      inWorld(subject, {}, async (world) => {
        const { client, server } = await world.pair()
        const calls: string[] = []
        client.connection.end(payload(100), () => calls.push('sent'))
        await world.until(() => server.saw('end'), "the server's 'end'")
        assert.deepEqual(calls, ['sent'])
        const refused = world.connect({ port: 1 })
        refused.connection.end(payload(100), (error?: Error | null) => calls.push(error ? 'failed' : 'sent'))
        await world.untilClosed(refused)
        assert.deepEqual(calls, ['sent', 'failed'], 'the callback of end() is called once, with the error')
      }))

    it("emits 'error' with the system's code, then 'close', when nobody listens", () =>
      inWorld(subject, {}, async (world) => {
        const client = world.connect({ port: 1 })
        client.write(payload(10))
        await world.untilClosed(client)
        assert.deepEqual(client.events, ['error', 'close'], client.describe())
        const error = client.error as Error & { code?: string; syscall?: string }
        assert.deepEqual([error.code, error.syscall], ['ECONNREFUSED', 'connect'], 'the error keeps code and syscall')
      }))

    it("destroys with the peer's reset as its error when the peer resets", () =>
      inWorld(subject, {}, async (world) => {
        const { client, server } = await world.pair()
        server.connection.resetAndDestroy()
        await world.untilClosed(client, server)
        assert.equal(client.errorCode, 'ECONNRESET', client.describe())
      }))

    it('sends everything before it closes on destroySoon()', () =>
      inWorld(subject, {}, async (world) => {
        const { client, server } = await world.pair()
        client.write(payload(100_000))
        client.connection.destroySoon()
        await world.untilClosed(client, server)
        assertSame(server.received, payload(100_000), 'the server')
      }))

    it("emits 'timeout' after an idle time, and stays open", () =>
      inWorld(subject, { serve: (server) => server.echo() }, async (world) => {
        const { client } = await world.pair()
        client.connection.setTimeout(IDLE_MS)
        await world.clock.advance(IDLE_MS - 1)
        assert.equal(client.saw('timeout'), false, "'timeout' came early")
        client.write(payload(10))
        await world.until(() => client.receivedLength === 10, 'the echo')
        await world.clock.advance(IDLE_MS - 1)
        assert.equal(client.saw('timeout'), false, "bytes either way put 'timeout' off")
        await world.clock.advance(1)
        assert.equal(client.saw('timeout'), true, "'timeout' did not come")
        client.write(payload(10))
        await world.until(() => client.receivedLength === 20, "the echo after 'timeout'")
      }))

    it('counts application bytes and wire bytes', () =>
      inWorld(subject, { serve: (server) => server.echo() }, async (world) => {
        const { client, server, link } = await world.pair()
        client.write(payload(12_345))
        await world.until(() => client.receivedLength === 12_345, 'the echo')
        const { connection } = client
        assert.deepEqual([connection.bytesRead, connection.bytesWritten], [12_345, 12_345], 'bytesRead, bytesWritten')
        const [written, read] = [link.toServer.sentLength, link.toClient.deliveredLength]
        const { wireBytesWritten, wireBytesRead } = connection
        if (subject.traits.carrier)
          assert.ok(wireBytesWritten < written && wireBytesRead < read, 'what the carrier adds is not counted')
        else {
          assert.equal(wireBytesWritten, written, 'wireBytesWritten is what left on the wire')
          assert.equal(wireBytesRead, read, 'wireBytesRead is what the wire brought')
        }
        assert.deepEqual([server.connection.bytesRead, server.connection.bytesWritten], [12_345, 12_345])
        assert.equal(connection.remotePort, world.port, "remotePort is the listener's")
        assert.equal(
          server.connection.remotePort,
          connection.localPort,
          "each end's local port is the other's remote one",
        )
      }))

    if (subject.traits.serverSpeaksFirst) {
      it('lets the server speak first', () =>
        inWorld(subject, { serve: (server) => void server.write(payload(2_000)) }, async (world) => {
          const client = world.connect()
          await world.until(() => client.receivedLength === 2_000, "the server's 2,000 bytes at a silent client")
          assertSame(client.received, payload(2_000), 'the client')
        }))
    }

    if (subject.traits.handshake) {
      // What a carrier does before the codec is a part of the dial.
      const [code, limit] = subject.traits.carrier
        ? (['PT_DIAL_TIMEOUT', 'dialTimeoutMs'] as const)
        : (['PT_HANDSHAKE_TIMEOUT', 'handshakeTimeoutMs'] as const)
      it(`fails with ${code}, without 'connect', when the server never answers`, () =>
        inWorld(subject, { settings: { [limit]: HANDSHAKE_TIMEOUT_MS } }, async (world) => {
          const mute = await world.network.bind(
            { host: '127.0.0.1', port: 9 },
            { onStream: (stream) => stream.resume(), onError: () => undefined },
          )
          const client = world.connect({ port: 9 })
          client.write(payload(10))
          await world.clock.advance(HANDSHAKE_TIMEOUT_MS - 1)
          assert.deepEqual(client.events, [], 'nothing happens before the limit')
          await world.clock.advance(1)
          await world.untilClosed(client)
          assert.deepEqual(client.events, ['error', 'close'], client.describe())
          assert.equal(client.errorCode, code, client.describe())
          for (const link of world.network.links) link.server.destroy()
          await mute.close()
        }))
    }
  })
}
