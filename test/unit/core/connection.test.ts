import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { NOTHING } from '../../../src/core/codec.ts'
import { Connection } from '../../../src/core/connection.ts'
import { PtError } from '../../../src/core/errors.ts'
import type { ByteStream } from '../../../src/core/platform.ts'
import { systemError } from '../../../src/testing/memory-stream.ts'
import { ScriptedCodec } from '../../support/scripted-codec.ts'
import { LIMITS, clientScene, openLink, serverScene } from '../../support/scripted-connection.ts'

const failure = new PtError('PT_FRAME_INVALID', 'a frame is bad')

describe('the steps of a codec', () => {
  test('deliver data before the error of a close, and FIN after the wire bytes', async () => {
    const { connection, peer, clock, events, peerEvents, received } = await clientScene({
      start: () => NOTHING,
      receive: () => ({
        close: failure,
        data: Buffer.from('last'),
        established: true,
        wire: [{ bytes: Buffer.from('bye') }],
      }),
    })
    connection.prependListener('connect', () => events.push(`${connection.wireBytesWritten} sent`))
    peer.write('x')
    await clock.settle()
    assert.equal(received(), 'bye')
    assert.deepEqual(events, ['3 sent', 'connect', 'ready', "data 'last'", 'error PT_FRAME_INVALID', 'close'])
    assert.deepEqual(peerEvents, ['end'])
    assert.equal(clock.timerCount, 0)
  })

  test('established in start() opens the connection once it is served, not before', async () => {
    const { connection, peer, clock, events, peerEvents } = await serverScene()
    peer.write('early')
    await clock.settle()
    assert.deepEqual(events, [])
    assert.equal(connection.connecting, true)
    assert.equal(connection.readyState, 'opening')
    connection.serve()
    await clock.settle()
    assert.deepEqual(events, ['established', "data 'early'"])
    connection.serve()
    connection.destroy()
    await clock.settle()
    assert.deepEqual(events.slice(2), ['close'])
    assert.deepEqual(peerEvents, ['end'])
  })

  test('write their segments in order, each after the delay of the one before', async () => {
    const segments = ['one', 'two', 'three'].map((text, index) => ({ bytes: Buffer.from(text), delayMs: index * 10 }))
    const { connection, clock, received, events } = await clientScene({ send: () => ({ wire: segments }) })
    connection.write('a', () => events.push('written'))
    connection.end()
    await clock.settle()
    assert.equal(received(), 'onetwo')
    await clock.advance(9)
    assert.equal(received(), 'onetwo')
    await clock.advance(1)
    assert.equal(received(), 'onetwothree')
    assert.equal(events.includes('written'), false)
    await clock.advance(20)
    assert.deepEqual(events, ['connect', 'ready', 'written', 'finish'])
    connection.destroy()
    await clock.settle()
  })

  test('that come later wait behind the delays of the earlier', async () => {
    let count = 0
    const { connection, peer, clock, received } = await clientScene({
      send: () => ({ wire: [{ bytes: Buffer.from(String(++count)), delayMs: 5 }] }),
      receive: () => ({ wire: [{ bytes: Buffer.from('answer') }] }),
    })
    connection.write('a')
    peer.write('x')
    connection.write('b')
    await clock.advance(4)
    assert.equal(received(), '1')
    await clock.advance(1)
    assert.equal(received(), '1answer2')
    connection.destroy()
    await clock.settle()
  })
})

describe('wake', () => {
  test('comes at the time that was last asked for', async () => {
    const times: number[] = []
    let at = 100
    const scene = await clientScene({
      start: () => ({ established: true, wakeAt: 50 }),
      receive: () => ({ wakeAt: at }),
      wake: () => (times.push(scene.clock.monotonic()), NOTHING),
    })
    scene.peer.write('x')
    await scene.clock.advance(60)
    assert.deepEqual(times, [])
    at = 80
    scene.peer.write('x')
    await scene.clock.advance(200)
    assert.deepEqual(times, [80])
    assert.equal(scene.clock.timerCount, 0)
    scene.connection.destroy()
    await scene.clock.settle()
  })

  test('is cancelled by null, by the end of the connection, and comes at once for a time gone by', async () => {
    const scene = await clientScene({
      start: () => ({ established: true, wakeAt: 50 }),
      receive: (bytes) => ({ wakeAt: bytes[0] === 0x6e ? null : 1 }),
      wake: () => NOTHING,
    })
    scene.peer.write('null')
    await scene.clock.advance(60)
    assert.deepEqual(scene.codec.calls, ['start', "receive 'null'"])
    scene.peer.write('past')
    await scene.clock.advance(0)
    assert.deepEqual(scene.codec.calls.slice(2), ["receive 'past'", 'wake'])
    scene.connection.destroy()
    await scene.clock.advance(1000)
    assert.equal(scene.codec.calls.length, 4)
  })

  test('may end a connection that nobody serves, without a byte and with FIN', async () => {
    const { clock, events, peerEvents, received, connection } = await serverScene({
      start: () => ({ wakeAt: 40 }),
      wake: () => ({ close: failure }),
    })
    await clock.advance(40)
    assert.equal(received(), '')
    assert.deepEqual(peerEvents, ['end'])
    assert.equal(connection.destroyed, false)
    await clock.advance(LIMITS.lingerMs)
    assert.deepEqual(events, ['error PT_FRAME_INVALID', 'close'])
  })
})

describe('a close step', () => {
  test('lets what still comes drain until the peer ends, on a server before the handshake is done', async () => {
    const { connection, peer, clock, codec, events, peerEvents, link } = await serverScene({
      start: () => NOTHING,
      receive: () => ({ close: failure }),
    })
    connection.serve()
    peer.write('bad')
    await clock.settle()
    assert.deepEqual(peerEvents, ['end'])
    for (let count = 0; count < 50; count++) {
      peer.write(Buffer.alloc(10_000))
      await clock.settle()
    }
    assert.equal(link.toServer.queuedLength, 0)
    assert.deepEqual(codec.calls, ['start', "receive 'bad'"])
    peer.end()
    await clock.settle()
    assert.deepEqual(events, ['error PT_FRAME_INVALID', 'close'])
    assert.equal(clock.timerCount, 0)
  })

  test('on a server ends after the linger limit, whatever the peer goes on sending', async () => {
    const { connection, peer, clock, events } = await serverScene({
      start: () => NOTHING,
      receive: () => ({ close: failure }),
    })
    connection.serve()
    peer.write('bad')
    await clock.advance(LIMITS.lingerMs - 1)
    peer.write('more')
    await clock.settle()
    assert.deepEqual(events, [])
    await clock.advance(1)
    assert.deepEqual(events, ['error PT_FRAME_INVALID', 'close'])
  })

  test('on an open connection ends it as soon as FIN has left, and fails the writes that wait', async () => {
    const { connection, peer, clock, events } = await serverScene({
      receive: () => ({ close: failure }),
      send: (chunks) => ({ wire: chunks.map((bytes) => ({ bytes, delayMs: 100 })) }),
    })
    connection.serve()
    connection.write('slow', (error) => events.push(`first write ${error ? 'failed' : 'done'}`))
    connection.write('next', (error) => events.push(`second write ${error ? 'failed' : 'done'}`))
    peer.write('bad')
    await clock.settle()
    assert.deepEqual(events, ['established'])
    await clock.advance(100)
    assert.deepEqual(events.slice(1).sort(), [
      'close',
      'error PT_FRAME_INVALID',
      'first write done',
      'second write failed',
    ])
    assert.equal(clock.timerCount, 0)
  })

  test('is told at once when our FIN left before', async () => {
    const { connection, peer, clock, events } = await clientScene({ receive: () => ({ close: failure }) })
    connection.end()
    await clock.settle()
    assert.deepEqual(events, ['connect', 'ready', 'finish'])
    peer.write('bad')
    await clock.settle()
    assert.deepEqual(events.slice(3), ['error PT_FRAME_INVALID', 'close'])
    assert.equal(clock.timerCount, 0)
  })

  test('of finish() turns the end of the peer into an error', async () => {
    const { peer, clock, events } = await clientScene({ finish: () => ({ close: failure }) })
    peer.end('tail')
    await clock.settle()
    assert.deepEqual(events.slice(0, 3), ['connect', 'ready', "data 'tail'"])
    assert.ok(events.includes('error PT_FRAME_INVALID'))
    assert.equal(events.includes('end'), false)
    assert.equal(events.at(-1), 'close')
  })
})

describe('an end', () => {
  test('sends what the codec puts before FIN, after the writes', async () => {
    const { connection, clock, received, events } = await clientScene({
      end: () => ({ wire: [{ bytes: Buffer.from('.') }] }),
    })
    connection.write('a')
    connection.end('b')
    await clock.settle()
    assert.equal(received(), 'ab.')
    assert.deepEqual(events, ['connect', 'ready', 'finish'])
    connection.destroy()
    await clock.settle()
  })

  test('waits for the peer no longer than the linger limit after its last byte', async () => {
    const { connection, peer, clock, events } = await clientScene()
    connection.end()
    await clock.advance(LIMITS.lingerMs - 1)
    peer.write('x')
    await clock.advance(LIMITS.lingerMs - 1)
    assert.deepEqual(events.slice(2), ['finish', "data 'x'"])
    await clock.advance(1)
    assert.deepEqual(events.slice(4), ['error PT_LINGER_TIMEOUT', 'close'])
    assert.equal(clock.timerCount, 0)
  })

  test('waits for ever where half-open connections are allowed', async () => {
    const { connection, peer, clock, events } = await clientScene({}, { allowHalfOpen: true })
    connection.end()
    await clock.advance(LIMITS.lingerMs * 100)
    peer.end('late')
    await clock.settle()
    assert.deepEqual(events.slice(2), ['finish', "data 'late'", 'end', 'close'])
  })
})

describe('a dial', () => {
  test('that succeeds after destroy() has its stream destroyed', async () => {
    const { clock, link } = await openLink()
    let resolve: (stream: ByteStream) => void = () => undefined
    const codec = new ScriptedCodec()
    let aborted = false
    const source = (signal: AbortSignal): Promise<ByteStream> => {
      signal.addEventListener('abort', () => (aborted = true))
      return new Promise((done) => (resolve = done))
    }
    const connection = new Connection({ ...LIMITS, codec, clock, source })
    const events: string[] = []
    connection.on('close', () => events.push('close')).on('error', () => events.push('error'))
    connection.write('never', (error) => events.push(error ? 'write failed' : 'written'))
    connection.destroy()
    await clock.settle()
    assert.deepEqual(events, ['close', 'write failed'])
    assert.equal(aborted, true)
    resolve(link.client)
    await clock.settle()
    assert.equal(link.client.destroyed, true)
    assert.deepEqual(codec.calls, [])
    assert.equal(clock.timerCount, 0)
  })

  test('has its own limit, and the handshake another', async () => {
    const { clock, link } = await openLink()
    const codec = new ScriptedCodec({ start: () => NOTHING })
    let resolve: (stream: ByteStream) => void = () => undefined
    const dialled = new Promise<ByteStream>((done) => (resolve = done))
    const errors: unknown[] = []
    const connect = (source: () => Promise<ByteStream>): Connection =>
      new Connection({ ...LIMITS, codec, clock, source }).on('error', (error) =>
        errors.push('code' in error && error.code),
      )
    connect(() => new Promise(() => undefined))
    connect(() => dialled)
    await clock.advance(LIMITS.dialTimeoutMs - 1)
    resolve(link.client)
    await clock.advance(1)
    assert.deepEqual(errors, ['PT_DIAL_TIMEOUT'])
    await clock.advance(LIMITS.handshakeTimeoutMs - 2)
    assert.deepEqual(errors, ['PT_DIAL_TIMEOUT'])
    await clock.advance(1)
    assert.deepEqual(errors, ['PT_DIAL_TIMEOUT', 'PT_HANDSHAKE_TIMEOUT'])
    assert.equal(clock.timerCount, 0)
  })

  test("that fails tells the system's error without its address, or with it under unsafe logging", async () => {
    const { clock } = await openLink()
    const refused = systemError('ECONNREFUSED', 'connect', { address: '192.0.2.77', port: 4711 })
    const codec = new ScriptedCodec()
    const told = async (unsafeLogging: boolean): Promise<Error> => {
      const source = (): Promise<ByteStream> => Promise.reject(refused)
      const connection = new Connection({ ...LIMITS, unsafeLogging, codec, clock, source })
      return new Promise((resolve) => connection.on('error', resolve))
    }
    assert.deepEqual(Object.fromEntries(Object.entries(await told(false))), {
      code: 'ECONNREFUSED',
      syscall: 'connect',
      errno: -111,
    })
    assert.equal(await told(true), refused)
  })
})

describe('destroy', () => {
  for (const [stage, prepare] of Object.entries({
    'while a write is paced': async () =>
      clientScene({ send: (chunks) => ({ wire: [{ bytes: chunks[0]!, delayMs: 50 }] }) }),
    'while the handshake runs': async () => clientScene({ start: () => NOTHING }),
    'while an effect is under way': async () =>
      clientScene({ start: () => ({ established: true, pending: () => new Promise(() => undefined) }) }),
    'while the wire takes nothing': async () => {
      const scene = await clientScene({}, { capacity: 1 })
      scene.peer.pause()
      scene.link.toServer.hold()
      return scene
    },
  })) {
    test(`${stage} calls every callback once, with an error, and leaves nothing`, async () => {
      const { connection, clock, network, events } = await prepare()
      const calls: string[] = []
      const note = (name: string) => (error?: Error | null) => calls.push(`${name} ${error ? 'failed' : 'done'}`)
      connection.write(Buffer.alloc(100_000), note('first'))
      connection.write('second', note('second'))
      connection.end('third', note('end'))
      await clock.settle()
      connection.destroy()
      await clock.advance(1000)
      assert.deepEqual(calls.sort(), ['end failed', 'first failed', 'second failed'])
      assert.equal(events.filter((event) => event === 'close').length, 1)
      assert.equal(clock.timerCount, 0)
      await clock.advance(100_000)
      assert.equal(network.openStreamCount <= 1, true)
    })
  }

  test('with an error tells it once, also when it happens in a listener', async () => {
    const { connection, peer, clock, events } = await clientScene({
      start: () => NOTHING,
      receive: () => ({ established: true, data: Buffer.from('never') }),
    })
    connection.on('connect', () => connection.destroy(new Error('enough')))
    peer.write('x')
    await clock.settle()
    assert.deepEqual(events, ['connect', 'error enough', 'close'])
  })
})

test('a peer that floods a paused reader is held back by the wire', async () => {
  const { connection, peer, clock, link } = await clientScene({}, { reads: false })
  let written = 0
  const flood = (): void => {
    while (written < 4_000_000) {
      written += 16_384
      if (!peer.write(Buffer.alloc(16_384))) return
    }
  }
  peer.on('drain', flood)
  flood()
  await clock.settle()
  const held = connection.readableLength + link.client.readableLength + link.toClient.queuedLength
  assert.ok(connection.readableLength < 2 * 65_536, `${connection.readableLength} bytes are held for reading`)
  assert.ok(held < 4 * 65_536, `${held} bytes are held`)
  assert.ok(written < 8 * 65_536, `${written} bytes were written`)
  connection.resume()
  await clock.settle()
  assert.ok(written >= 4_000_000)
  assert.equal(connection.bytesRead, written)
  connection.destroy()
  peer.destroy()
  await clock.settle()
})

test('an unhandled error of a connection is thrown, as an emitter does', async () => {
  const { clock, link } = await openLink()
  const connection = new Connection({ ...LIMITS, codec: new ScriptedCodec(), clock, source: link.server })
  assert.throws(() => connection.emit('error', failure), failure)
  connection.destroy()
  await clock.settle()
})
