import assert from 'node:assert/strict'
import type { Link } from '../memory-network.ts'
import { payload } from './payload.ts'
import type { Subject, Theme } from './subject.ts'
import type { Witness } from './witness.ts'
import type { World } from './world.ts'
import { inWorld } from './world.ts'

type Stage = 'dialling' | 'handshaking' | 'open' | 'stalled' | 'half-closed'

const WAYS: readonly (readonly [string, (client: Witness, controller: AbortController) => void, string | undefined])[] =
  [
    ['the signal', (_client, controller) => controller.abort(), 'ABORT_ERR'],
    ['destroy(error)', (client) => void client.connection.destroy(new RangeError('given')), 'RangeError'],
    ['destroy()', (client) => void client.connection.destroy(), undefined],
  ]

/** The end of a connection by its own user, at every stage. */
export const abortTests: Theme = (subject, { describe, it }) => {
  describe('abort', () => {
    it('errors and closes, without a dial, when the signal was aborted before', () =>
      inWorld(subject, {}, async (world) => {
        const client = world.connect({ signal: AbortSignal.abort() })
        client.write(payload(10))
        await world.untilClosed(client)
        assert.deepEqual(client.events, ['error', 'close'], client.describe())
        assert.equal(client.error?.name, 'AbortError', client.describe())
        assert.equal(world.network.links.length, 0, 'a dial was made')
      }))

    const stages: Stage[] = [
      'dialling',
      ...(subject.traits.handshake ? (['handshaking'] as const) : []),
      'open',
      'stalled',
      'half-closed',
    ]
    for (const stage of stages) {
      for (const [name, abort, code] of WAYS) {
        it(`ends by ${name} while ${stage}, with one close and every write called back`, () =>
          abortAt(subject, stage, abort, code))
      }
    }

    it('lets the server destroy a connection, which ends the client', () =>
      inWorld(subject, {}, async (world) => {
        const { client, server } = await world.pair()
        server.connection.destroy(new RangeError('given'))
        await world.untilClosed(client, server)
        assert.equal(server.error?.message, 'given')
      }))

    it('goes on when the signal is aborted after the close', () =>
      inWorld(subject, {}, async (world) => {
        const controller = new AbortController()
        const { client, server } = await world.pair({ signal: controller.signal })
        client.connection.end()
        await world.untilClosed(client, server)
        controller.abort()
        await world.clock.settle()
        assert.equal(client.error, undefined, client.describe())
      }))
  })
}

async function abortAt(
  subject: Subject,
  stage: Stage,
  abort: (typeof WAYS)[number][1],
  code: string | undefined,
): Promise<void> {
  const onLink = (link: Link): void => {
    if (stage === 'handshaking') link.toClient.hold()
  }
  await inWorld(subject, { onLink, listen: { allowHalfOpen: true } }, async (world) => {
    const controller = new AbortController()
    const client = await reach(world, stage, controller.signal)
    abort(client, controller)
    await world.untilClosed(client)
    for (const { toServer, toClient } of world.network.links) {
      toServer.release()
      toClient.release()
    }
    assert.equal(client.errorCode, code, `the error of ${stage}\n${client.describe()}`)
    assert.equal(client.saw('connect'), stage !== 'dialling' && stage !== 'handshaking', client.describe())
    assert.equal(client.connection.readyState, 'closed')
    await world.until(() => world.network.links.every((link) => link.client.closed), "the close of the client's stream")
    for (const server of world.servers) {
      await world.until(
        () => server.saw('end') || server.isClosed,
        `an end at ${server.label} after the client's abort`,
      )
    }
  })
}

async function reach(world: World, stage: Stage, signal: AbortSignal): Promise<Witness> {
  if (stage === 'dialling') world.network.holdDials()
  if (stage === 'dialling' || stage === 'handshaking') {
    const client = world.connect({ signal })
    client.write(payload(100))
    client.write(payload(100))
    await world.clock.settle()
    assert.equal(client.saw('connect'), false, `'connect' came while ${stage}`)
    return client
  }
  const { client, link } = await world.pair({ signal, allowHalfOpen: true })
  if (stage === 'stalled') {
    link.toServer.hold()
    for (let writes = 0; writes < 20; writes++) client.write(payload(50_000))
    await world.clock.settle()
  }
  if (stage === 'half-closed') {
    client.connection.end()
    await world.until(() => world.servers[0]!.saw('end'), "the server's 'end'")
  }
  return client
}
