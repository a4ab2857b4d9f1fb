import assert from 'node:assert/strict'
import type { Connection } from '../../core/connection.ts'
import { assertSame, payload } from './payload.ts'
import type { Theme } from './subject.ts'
import type { World } from './world.ts'
import { inWorld } from './world.ts'

const BAD_PEERS: readonly (readonly [string, Buffer, 'end' | 'reset' | 'stay'])[] = [
  ['garbage', payload(3_000, 'garbage'), 'stay'],
  ['garbage and a FIN', payload(3_000, 'garbage'), 'end'],
  ['garbage and a reset', payload(3_000, 'garbage'), 'reset'],
  ['nothing and a FIN', Buffer.alloc(0), 'end'],
  ['nothing and a reset', Buffer.alloc(0), 'reset'],
]

/** What a Listener owes: one bad peer costs one connection, limits let newcomers wait, close() drains. */
export const listenerTests: Theme = (subject, { describe, it }) => {
  describe('events of a listener', () => {
    it("has an address from 'listening' on, and closes with 'close'", () =>
      inWorld(subject, {}, async (world) => {
        const address = world.listener.address()
        assert.ok(typeof address === 'object' && address !== null && address.port > 0, 'address() names the bound port')
        const { client, server } = await world.pair()
        client.connection.end()
        await world.untilClosed(client, server)
        await closed(world)
        await assertRefused(world, address.port)
      }))

    it("emits 'error' with the system's code when the address is taken", () =>
      inWorld(subject, {}, async (world) => {
        const second = subject.server({ platform: world.platform }).listen({ host: '127.0.0.1', port: world.port })
        const events: string[] = []
        second.on('listening', () => events.push('listening'))
        second.on('error', (error: Error) => events.push('code' in error ? String(error.code) : error.message))
        await world.until(() => events.length > 0, "the second listener's 'error'")
        assert.deepEqual(events, ['EADDRINUSE'])
      }))

    it('is async-iterable, until it closes', () =>
      inWorld(subject, {}, async (world) => {
        const seen: Connection[] = []
        const loop = (async () => {
          for await (const connection of world.listener) seen.push(connection)
        })()
        await world.pair()
        await world.pair()
        await world.until(() => seen.length === 2, 'two connections of the loop')
        assert.deepEqual(
          seen,
          world.servers.map(({ connection }) => connection),
          'the loop yields the connections',
        )
        world.listener.close()
        world.listener.closeAllConnections()
        await world.until(() => !world.listener.listening, 'the end of listening')
        await loop
      }))
  })

  describe('the end of a listener by its signal', () => {
    it('closes as close() does', async () => {
      const controller = new AbortController()
      await inWorld(
        subject,
        { listen: { signal: controller.signal }, serve: (server) => server.echo() },
        async (world) => {
          const { client } = await world.pair()
          const { port } = world
          controller.abort()
          await world.clock.settle()
          await assertRefused(world, port)
          client.write(payload(100))
          await world.until(() => client.receivedLength === 100, 'the echo of a connection that was open')
        },
      )
    })
  })

  describe('a bad peer', () => {
    for (const [what, bytes, end] of BAD_PEERS) {
      it(`costs one connection when it sends ${what}`, () =>
        inWorld(subject, { serve: (server) => server.echo() }, async (world) => {
          const { client } = await world.pair()
          const peer = await world.probe()
          peer.resume()
          if (bytes.length > 0) peer.write(bytes)
          await world.clock.settle()
          if (end === 'end') peer.end()
          if (end === 'reset') (peer.resetAndDestroy as () => unknown).call(peer)
          await world.clock.settle()
          client.write(payload(1_000))
          await world.until(() => client.receivedLength === 1_000, 'the echo of the connection that was open')
          const later = world.connect()
          later.write(payload(1_000, 'later'))
          await world.until(() => later.receivedLength === 1_000, 'the echo of a later connection')
          assertSame(later.received, payload(1_000, 'later'), later.label)
        }))
    }
  })

  describe('limits of a listener', () => {
    it('drains on close(): open connections live on, nobody new comes in', () =>
      inWorld(subject, { serve: (server) => server.echo() }, async (world) => {
        const { client, server } = await world.pair()
        const { port } = world
        let isClosed = false
        world.listener.close(() => {
          isClosed = true
        })
        await world.clock.settle()
        await assertRefused(world, port)
        client.write(payload(1_000))
        await world.until(() => client.receivedLength === 1_000, 'the echo after close()')
        assert.equal(isClosed, false, "'close' came before the last connection had ended")
        client.connection.end()
        await world.untilClosed(client, server)
        await world.until(() => isClosed, "the listener's 'close' after its last connection")
      }))

    it('counts its connections and destroys them all on closeAllConnections()', () =>
      inWorld(subject, {}, async (world) => {
        for (let pairs = 0; pairs < 3; pairs++) await world.pair()
        assert.equal(await countOf(world), 3)
        world.listener.closeAllConnections()
        await world.untilClosed(...world.servers, ...world.clients)
        assert.equal(await countOf(world), 0)
      }))

    it('lets newcomers wait past maxConnections, evicts nobody and serves them when there is room', () =>
      inWorld(subject, { serve: (server) => server.echo(), listen: { maxConnections: 2 } }, async (world) => {
        const first = await world.pair()
        await world.pair()
        const waiting = [world.connect(), world.connect()]
        for (const client of waiting) client.write(payload(100, client.label))
        await world.clock.settle()
        assert.equal(world.servers.length, 2, "'connection' came past maxConnections")
        first.client.write(payload(100))
        await world.until(() => first.client.receivedLength === 100, 'the echo of a connection that was there before')
        first.client.connection.end()
        await world.until(() => waiting[0]!.receivedLength === 100, 'the echo of the first that waited')
        assert.equal(world.servers.length, 3, 'one place serves one newcomer')
        waiting[0]!.connection.end()
        await world.until(() => waiting[1]!.receivedLength === 100, 'the echo of the second that waited')
      }))

    if (subject.traits.handshake && !subject.traits.front) {
      it('lets newcomers wait past maxHandshakes, evicts nobody and serves them when there is room', () =>
        inWorld(subject, { serve: (server) => server.echo(), listen: { maxHandshakes: 2 } }, async (world) => {
          const silent = [await world.probe(), await world.probe()]
          for (const peer of silent) peer.resume()
          await world.clock.settle()
          const client = world.connect()
          client.write(payload(100))
          await world.clock.settle()
          assert.equal(client.saw('connect'), false, 'a newcomer past maxHandshakes was served')
          assert.ok(
            silent.every((peer) => !peer.readableEnded && !peer.destroyed),
            'a handshake in progress was evicted',
          )
          silent[0]!.destroy()
          await world.until(() => client.receivedLength === 100, 'the echo of who waited for a handshake')
        }))

      it("turns away, with 'drop', who comes when the backlog is full", () =>
        inWorld(subject, { listen: { maxHandshakes: 1, backlog: 1 } }, async (world) => {
          let drops = 0
          world.listener.on('drop', () => drops++)
          const peers = [await world.probe(), await world.probe(), await world.probe()]
          for (const peer of peers) peer.resume()
          await world.clock.settle()
          assert.equal(drops, 1, 'one is served, one waits, one is turned away')
          assert.deepEqual(
            peers.map((peer) => peer.readableEnded || peer.destroyed),
            [false, false, true],
          )
        }))
    }
  })
}

async function closed(world: World): Promise<void> {
  let isClosed = false
  world.listener.close(() => {
    isClosed = true
  })
  await world.until(() => isClosed, "the callback of the listener's close()")
}

async function assertRefused(world: World, port: number): Promise<void> {
  const late = world.connect({ port })
  await world.untilClosed(late)
  assert.equal(late.errorCode, 'ECONNREFUSED', `a listener that closes accepts nobody\n${late.describe()}`)
}

function countOf(world: World): Promise<number> {
  return new Promise((resolve) => {
    world.listener.getConnections((_error, count) => resolve(count))
  })
}
