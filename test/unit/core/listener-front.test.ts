import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { formatBridgeLine } from '../../../src/core/bridge-line.ts'
import { NOTHING } from '../../../src/core/codec.ts'
import type { Connection } from '../../../src/core/connection.ts'
import type { ByteStream, TcpAddress } from '../../../src/core/platform.ts'
import type { Deliver, PeerAddress } from '../../../src/core/transport.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { type Scripts, scriptedTransport } from '../../support/scripted-transport.ts'

const HANDSHAKE: Scripts = {
  server: {
    start: () => NOTHING,
    receive: (bytes) => (bytes[0] === 0x2b ? { wire: [{ bytes: Buffer.from('101') }], established: true } : NOTHING),
  },
}

/** A front that keeps what it is given until it is told to deliver; past `room` streams it is full. */
class KeepingFront {
  readonly kept: ByteStream[] = []
  readonly #deliver: Deliver
  readonly #room: number
  isClosed = false

  constructor(deliver: Deliver, room: number) {
    this.#deliver = deliver
    this.#room = room
  }

  accept(stream: ByteStream): boolean {
    const isFull = this.kept.length >= this.#room
    if (isFull) stream.destroy()
    else this.kept.push(stream.on('error', () => {}))
    return !isFull
  }

  deliverNext(peer?: PeerAddress): void {
    this.#deliver(this.kept.shift()!, peer)
  }

  async close(): Promise<void> {
    this.isClosed = true
    for (const stream of this.kept) stream.destroy()
  }
}

async function open(t: TestContext, { room = 9, publicAddress }: { room?: number; publicAddress?: TcpAddress } = {}) {
  const platform = createMemoryPlatform()
  const fronts: KeepingFront[] = []
  const { transport } = scriptedTransport({
    ...HANDSHAKE,
    clientArguments: { cert: 'x' },
    publicAddress,
    front: (deliver) => {
      const front = new KeepingFront(deliver, room)
      fronts.push(front)
      return front
    },
  })
  const listener = transport.server({}, { platform }).listen({ host: '192.0.2.1', port: 1, maxHandshakes: 1 })
  const connections: Connection[] = []
  const events: string[] = []
  listener.on('connection', (connection) => connections.push(connection.on('error', () => {})))
  for (const event of ['drop', 'close'] as const) listener.on(event, () => events.push(event))
  await platform.clock.settle()
  t.after(async () => {
    listener.close()
    listener.closeAllConnections()
    await platform.clock.settle()
  })
  const dial = async (): Promise<ByteStream & { text: string }> => {
    const stream = await platform.network.dial({ host: '192.0.2.1', port: 1 }, { signal: new AbortController().signal })
    const told = Object.assign(stream, { text: '' })
    stream.on('error', () => {}).on('data', (bytes: Buffer) => (told.text += bytes.toString()))
    await platform.clock.settle()
    return told
  }
  return { listener, front: fronts[0]!, connections, events, dial, settle: () => platform.clock.settle() }
}

test('an accepted stream goes to the front, and becomes a connection only when it is delivered', async (t) => {
  const { front, connections, dial, settle } = await open(t)
  const stream = await dial()
  stream.write('+')
  await settle()
  assert.deepEqual([connections.length, stream.text], [0, ''])
  front.deliverNext()
  await settle()
  assert.deepEqual([connections.length, stream.text], [1, '101'])
  assert.equal(connections[0]!.remoteAddress, '192.0.2.1')
})

test('a delivered stream waits for room unread and unanswered', async (t) => {
  const { front, connections, dial, settle } = await open(t)
  const [first, second] = [await dial(), await dial()]
  second.write('+')
  front.deliverNext()
  front.deliverNext()
  await settle()
  assert.deepEqual([connections.length, second.text], [0, ''])
  first.write('+')
  await settle()
  assert.deepEqual([connections.length, second.text], [2, '101'])
})

test('the peer that the front names stands for the address of the stream', async (t) => {
  const { front, connections, dial, settle } = await open(t)
  for (const peer of [
    { remoteAddress: '203.0.113.7', remotePort: 60_000 },
    { remoteAddress: '2001:db8::7', remotePort: 7 },
  ]) {
    const stream = await dial()
    stream.write('+')
    front.deliverNext(peer)
    await settle()
    const { remoteAddress, remotePort, remoteFamily } = connections.at(-1)!
    assert.deepEqual({ remoteAddress, remotePort }, peer)
    assert.equal(remoteFamily, peer.remotePort === 7 ? 'IPv6' : 'IPv4')
  }
})

test('a front that is full drops', async (t) => {
  const { events, dial, settle } = await open(t, { room: 1 })
  await dial()
  assert.deepEqual(events, [])
  await dial()
  await settle()
  assert.deepEqual(events, ['drop'])
})

test("close() closes the front; what was delivered lives on, and 'close' comes after it", async (t) => {
  const { listener, front, connections, events, dial, settle } = await open(t)
  const [tunnel, visitor] = [await dial(), await dial()]
  tunnel.write('+')
  front.deliverNext()
  await settle()
  listener.close()
  await settle()
  assert.equal(front.isClosed, true)
  assert.equal(visitor.readableEnded, true)
  assert.deepEqual([connections[0]!.destroyed, events], [false, []])
  connections[0]!.destroy()
  await settle()
  assert.deepEqual(events, ['close'])
})

test('what a front delivers after close() is destroyed', async (t) => {
  const { listener, front, connections, dial, settle } = await open(t)
  const stream = await dial()
  const kept = front.kept[0]!
  listener.close()
  front.kept.push(kept)
  front.deliverNext()
  await settle()
  assert.equal(stream.readableEnded, true)
  assert.equal(connections.length, 0)
})

test('a public address stands in bridge lines for the bound one', async (t) => {
  const publicAddress = { host: '2001:db8::1', port: 443 }
  const { listener } = await open(t, { publicAddress })
  assert.deepEqual(listener.publicAddress, publicAddress)
  assert.deepEqual(listener.address(), { address: '192.0.2.1', family: 'IPv4', port: 1 })
  assert.equal(formatBridgeLine(listener), 'Bridge scripted [2001:db8::1]:443 cert=x')
  assert.equal(formatBridgeLine(listener, { host: '198.51.100.1' }), 'Bridge scripted 198.51.100.1:443 cert=x')
})
