import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { test } from 'node:test'
import { relay, type RelayResult } from '../../../src/proxy/relay.ts'
import { createMemoryPlatform, type MemoryPlatform } from '../../../src/testing/memory-platform.ts'
import type { Link } from '../../../src/testing/memory-network.ts'
import { exchange } from '../../support/exchange.ts'
import { watchStream } from '../../support/watched-stream.ts'

const LINGER_MS = 60_000

async function join(platform: MemoryPlatform, port: number): Promise<Link> {
  const { network, clock } = platform
  const address = { host: '127.0.0.1', port }
  await network.bind(address, { onStream: () => undefined, onError: () => undefined })
  await network.dial(address, { signal: new AbortController().signal })
  await clock.settle()
  return network.links.at(-1)!
}

/** An application, a relay between two links, and a peer. */
async function openRelay({ reads = true, capacity }: { reads?: boolean; capacity?: number } = {}) {
  const platform = createMemoryPlatform(capacity === undefined ? {} : { capacity })
  const near = await join(platform, 1)
  const far = await join(platform, 2)
  const results: RelayResult[] = []
  near.server.pause()
  far.client.pause()
  void relay(near.server, far.client, { clock: platform.clock }).then((result) => results.push(result))
  const [application, peer] = [near.client, far.server]
  const watched = reads ? { application: watchStream(application), peer: watchStream(peer) } : undefined
  await platform.clock.settle()
  return { platform, clock: platform.clock, near, far, application, peer, results, watched: watched! }
}

test('relays both ways, unchanged, and counts', async () => {
  const { application, peer, results, clock } = await openRelay({ reads: false })
  await exchange(application, peer, { toRight: 1_000_000, toLeft: 3_000_000 })
  application.end()
  peer.end()
  application.resume()
  peer.resume()
  await clock.settle()
  assert.deepEqual(results, [{ sentCount: 1_000_000, receivedCount: 3_000_000, outcome: 'ended' }])
  assert.equal(clock.timerCount, 0)
})

test('passes on the end of one direction and goes on with the other', async () => {
  const { application, peer, watched, results, clock } = await openRelay()
  application.end('question')
  await clock.settle()
  assert.deepEqual(watched.peer.events, ['end'])
  await clock.advance(LINGER_MS - 1)
  peer.write('answer, ')
  await clock.advance(LINGER_MS - 1)
  peer.end('the rest')
  await clock.settle()
  assert.equal(watched.application.received().toString(), 'answer, the rest')
  assert.deepEqual(watched.application.events, ['end', 'close'])
  assert.deepEqual(
    results.map(({ outcome }) => outcome),
    ['ended'],
  )
})

test('ends after the linger limit without a byte, once one direction has ended', async () => {
  const { application, watched, results, clock, platform } = await openRelay()
  await clock.advance(10 * LINGER_MS)
  application.end('question')
  await clock.advance(LINGER_MS - 1)
  assert.deepEqual(results, [])
  await clock.advance(1)
  assert.deepEqual(results, [{ sentCount: 8, receivedCount: 0, outcome: 'lingered' }])
  assert.deepEqual(watched.peer.events, ['end'])
  watched.peer.stream.destroy()
  await clock.settle()
  assert.deepEqual([clock.timerCount, platform.network.openStreamCount], [0, 0])
})

test('resets the other side of one that breaks off, after the bytes that came', async () => {
  const { application, peer, watched, results, clock } = await openRelay()
  peer.write('half of it')
  await clock.settle()
  peer.resetAndDestroy()
  await clock.settle()
  assert.equal(watched.application.received().toString(), 'half of it')
  assert.deepEqual(watched.application.events, ['error ECONNRESET', 'close'])
  assert.equal(application.destroyed, true)
  const [result] = results
  assert.deepEqual([result?.outcome, result?.error?.message], ['broken', 'read ECONNRESET'])
})

test('keeps back a reset until the other side has taken the bytes before it, within the linger limit', async () => {
  for (const takes of [true, false]) {
    const { near, peer, watched, results, clock } = await openRelay({ capacity: 16 })
    near.toClient.hold()
    peer.write('x'.repeat(40))
    await clock.settle()
    peer.resetAndDestroy()
    await clock.advance(LINGER_MS - 1)
    assert.deepEqual(results, [])
    if (takes) near.toClient.release()
    await clock.advance(1)
    assert.deepEqual(
      results.map(({ outcome }) => outcome),
      [takes ? 'broken' : 'lingered'],
    )
    assert.equal(watched.application.received().length, takes ? 40 : 0)
  }
})

test('ends when either stream is destroyed', async () => {
  for (const side of ['near', 'far'] as const) {
    const { near, far, results, clock, platform } = await openRelay()
    const stream = side === 'near' ? near.server : far.client
    stream.destroy()
    await clock.settle()
    assert.deepEqual(
      results.map(({ outcome }) => outcome),
      ['broken'],
      side,
    )
    platform.network.links.forEach(({ client, server }) => {
      client.destroy()
      server.destroy()
    })
  }
})

test('reads no more than the other side takes', async () => {
  const { near, far, application, clock } = await openRelay({ capacity: 16_384 })
  far.toServer.hold()
  const sent = 4_000_000
  near.toServer.chop(16_384)
  application.write(Buffer.alloc(sent))
  await clock.settle()
  const held = near.toServer.deliveredLength
  assert.ok(held < 200_000, `${held} bytes are held between the two`)
  far.toServer.release()
  await clock.settle()
  assert.equal(far.toServer.deliveredLength, sent)
})

test('reads to its end a side that was kept waiting by one that has gone', async () => {
  const platform = createMemoryPlatform()
  const far = await join(platform, 1)
  far.toClient.chop(16_384)
  const near = new Duplex({ read: () => undefined, write: () => undefined })
  near.push(null)
  const peer = watchStream(far.server)
  const result = relay(near, far.client, { clock: platform.clock })
  far.server.end(Buffer.alloc(1_000_000))
  await platform.clock.settle()
  assert.ok(far.toClient.deliveredLength < 200_000)
  near.destroy()
  assert.equal((await result).outcome, 'ended')
  assert.equal(far.toClient.deliveredLength, 1_000_000)
  assert.deepEqual(peer.events, ['end', 'close'])
})

test('drops what comes for a side that has gone after its end, and lets the linger limit end it', async () => {
  const { application, peer, watched, results, clock } = await openRelay()
  application.end('question')
  await clock.settle()
  peer.write('answer')
  await clock.settle()
  application.resetAndDestroy()
  await clock.settle()
  for (let seconds = 0; seconds < 59; seconds++) {
    peer.write(Buffer.alloc(100_000))
    await clock.advance(1_000)
  }
  assert.deepEqual(results, [])
  await clock.advance(1_000)
  assert.deepEqual(
    results.map(({ outcome }) => outcome),
    ['lingered'],
  )
  assert.deepEqual(watched.peer.received().toString(), 'question')
})

test('takes streams that had ended before', async () => {
  const platform = createMemoryPlatform()
  const near = await join(platform, 1)
  const far = await join(platform, 2)
  near.client.end()
  await platform.clock.settle()
  near.server.read(0)
  await platform.clock.settle()
  assert.equal(near.server.readableEnded, true)
  const peer = watchStream(far.server)
  const result = relay(near.server, far.client, { clock: platform.clock })
  await platform.clock.settle()
  assert.deepEqual(peer.events, ['end'])
  far.server.end('bye')
  near.client.resume()
  assert.deepEqual(await result, { sentCount: 0, receivedCount: 3, outcome: 'ended' })
})

test('takes a stream that was closed before for a broken one', async () => {
  const platform = createMemoryPlatform()
  const near = await join(platform, 1)
  const far = await join(platform, 2)
  near.server.destroy()
  const peer = watchStream(far.server)
  await platform.clock.settle()
  const result = await relay(near.server, far.client, { clock: platform.clock })
  assert.equal(result.outcome, 'broken')
  await platform.clock.settle()
  assert.deepEqual(peer.events, ['error ECONNRESET', 'close'])
})
