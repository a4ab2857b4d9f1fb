import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ByteStream } from '../../../src/core/platform.ts'
import type { FactorySettings, Transport } from '../../../src/core/transport.ts'
import { startPacketsClient } from '../../../src/dispatcher/packets-client.ts'
import type { ClientConfig } from '../../../src/ipc/config.ts'
import { createMemoryPlatform, plain } from '../../../src/testing/index.ts'
import {
  BRIDGE,
  IDLE_MS,
  LOCAL,
  openApplication,
  prefixed,
  runPacketsClient,
  stunMessage,
} from '../../support/packet-worlds.ts'

/** A client in memory before a bridge that speaks no transport: what arrives at it, stream by stream, as text. */
async function startScene(changes: Partial<ClientConfig> = {}) {
  const platform = createMemoryPlatform()
  const streams: ByteStream[] = []
  const arrived: string[] = []
  const acceptor = await platform.network.bind(BRIDGE, {
    onStream: (stream) => {
      const index = streams.push(stream) - 1
      arrived.push('')
      stream.on('error', () => {})
      stream.on('data', (bytes: Buffer) => {
        arrived[index] += bytes.toString('latin1')
      })
    },
    onError: () => {},
  })
  const running = await runPacketsClient(platform, changes)
  const application = await openApplication(platform, { host: '127.0.0.1', port: 5001 })
  const write = async (index: number, bytes: Buffer): Promise<void> => {
    streams[index]!.write(bytes)
    await platform.clock.settle()
  }
  return { ...running, platform, acceptor, streams, arrived, application, write }
}

const frames = (...texts: string[]): string => Buffer.concat(texts.map(prefixed)).toString('latin1')

for (const mode of ['transparent-UDP', 'STUN'] as const)
  test(`announces ${mode} with the address really bound`, async () => {
    const { out, err, dispatcher, platform } = await startScene({ mode, listen: { host: '127.0.0.1', port: 0 } })
    assert.match(out[1]!, new RegExp(`^CMETHOD plain ${mode} 127\\.0\\.0\\.1:49\\d{3}$`))
    assert.deepEqual([out.at(-1), err], ['CMETHODS DONE', []])
    await dispatcher.stop()
    assert.equal(platform.datagrams.openSocketCount, 1)
  })

test('carries packets both ways after their lengths, the first one included', async () => {
  const { application, arrived, write, dispatcher, platform } = await startScene()
  await application.send('first', '', 'third')
  assert.deepEqual(arrived, [frames('first', '', 'third')])
  await write(0, Buffer.concat([prefixed('answer'), prefixed('')]))
  assert.deepEqual(application.received, ['answer', ''])
  assert.deepEqual(application.sources[0], { address: LOCAL.host, family: 'IPv4', port: LOCAL.port })
  await dispatcher.stop()
  assert.deepEqual([platform.network.links[0]!.client.closed, platform.clock.timerCount], [true, 0])
})

test('carries STUN messages as they are, and drops what is none before it reaches the stream', async () => {
  const { application, arrived, write, dispatcher } = await startScene({ mode: 'STUN' })
  await application.send(stunMessage('one'), 'not STUN', stunMessage('two'))
  assert.deepEqual(arrived, [Buffer.concat([stunMessage('one'), stunMessage('two')]).toString('latin1')])
  await write(0, stunMessage('answer'))
  assert.deepEqual(application.received, [stunMessage('answer').toString('latin1')])
  await dispatcher.stop()
})

test('begins no connection for what is no STUN', async () => {
  const { application, platform, dispatcher } = await startScene({ mode: 'STUN' })
  await application.send('not STUN', '')
  assert.equal(platform.network.links.length, 0)
  await dispatcher.stop()
})

test('Write failure sending packet: the connection is removed, and the next packet begins another', async () => {
  const { application, arrived, platform, dispatcher } = await startScene()
  await application.send('first')
  platform.network.links[0]!.client.destroy(new Error('write failed'))
  await application.send('lost')
  await platform.clock.settle()
  await application.send('next')
  assert.equal(platform.network.links.length, 2)
  assert.equal(arrived.at(-1)!.endsWith(frames('next')), true)
  await dispatcher.stop()
})

test('gives each application a connection of its own, and its replies', async () => {
  const { application, arrived, write, platform, dispatcher } = await startScene()
  const other = await openApplication(platform, { host: '127.0.0.1', port: 5002 })
  await application.send('one')
  await other.send('other')
  assert.deepEqual(arrived, [frames('one'), frames('other')])
  await write(1, prefixed('for other'))
  await write(0, prefixed('for one'))
  assert.deepEqual([application.received, other.received], [['for one'], ['for other']])
  await dispatcher.stop()
})

test('Packet received, waiting: 64 packets are kept, the oldest dropped first', async () => {
  const { application, arrived, platform, dispatcher } = await startScene()
  platform.network.holdDials()
  await application.send(...Array.from({ length: 66 }, (_, index) => `packet ${index}`))
  platform.network.releaseDials()
  await platform.clock.settle()
  assert.deepEqual(arrived, [frames(...Array.from({ length: 64 }, (_, index) => `packet ${index + 2}`))])
  await dispatcher.stop()
})

test('Packet received, waiting, with a queue of 0: the packet is dropped, as the table has it', async () => {
  const { application, arrived, platform, dispatcher } = await startScene({ udpQueue: 0 })
  platform.network.holdDials()
  await application.send('a', 'b')
  platform.network.releaseDials()
  await platform.clock.settle()
  assert.deepEqual(arrived, [''])
  await application.send('c')
  assert.deepEqual(arrived, [frames('c')])
  await dispatcher.stop()
})

test('Connection closed by the PT server: the next packet begins another', async () => {
  const { application, streams, arrived, platform, dispatcher } = await startScene()
  await application.send('a')
  streams[0]!.end()
  await platform.clock.settle()
  await application.send('b')
  assert.deepEqual(arrived, [frames('a'), frames('b')])
  await dispatcher.stop()
})

test('Connection failed: the next packet begins another, and nothing tells an address', async () => {
  const { application, acceptor, arrived, platform, dispatcher, logs } = await startScene()
  await acceptor.close()
  await application.send('lost')
  assert.ok(logs().includes('LOG WARN dispatcher:connect-failed transport=plain code=ECONNREFUSED'))
  await platform.network.bind(BRIDGE, {
    onStream: (stream) => {
      stream.on('error', () => {})
      stream.on('data', (bytes: Buffer) => arrived.push(bytes.toString('latin1')))
    },
    onError: () => {},
  })
  await application.send('next')
  assert.deepEqual(arrived, [frames('next')])
  assert.doesNotMatch(logs().join(), /127\.0|1194|4430|5001/)
  await dispatcher.stop()
})

test('warns of a PT server in another mode', async () => {
  const { application, streams, platform, dispatcher, logs } = await startScene({ mode: 'STUN' })
  await application.send(stunMessage('asked'))
  streams[0]!.write(prefixed('y'.repeat(40)))
  await platform.clock.settle()
  assert.ok(logs().some((line) => line.startsWith('LOG WARN dispatcher:framing-invalid transport=plain')))
  await dispatcher.stop()
})

test('warns of the first connection that fails after one that came about, not of those that follow', async () => {
  const { application, acceptor, streams, platform, dispatcher, logs } = await startScene()
  const failures = () => logs().filter((line) => line.includes('connect-failed'))
  const [warning, note] = ['WARN', 'DEBUG'].map(
    (level) => `LOG ${level} dispatcher:connect-failed transport=plain code=ECONNREFUSED`,
  )
  await application.send('carried')
  streams[0]!.end()
  await acceptor.close()
  for (let count = 0; count < 3; count++) await application.send('lost')
  assert.deepEqual(failures(), [warning, note, note])
  const again = await platform.network.bind(BRIDGE, {
    onStream: (stream) => void stream.on('error', () => {}).end(),
    onError: () => {},
  })
  await application.send('carried')
  await again.close()
  await application.send('lost')
  assert.deepEqual(failures().slice(3), [warning])
  await dispatcher.stop()
})

test('tells what was dropped, and why, when a connection ends', async () => {
  const { application, dispatcher, platform, logs } = await startScene({ mode: 'STUN' })
  await application.send(stunMessage('one'), 'not STUN')
  await platform.clock.advance(IDLE_MS)
  await dispatcher.stop()
  const closed = logs().find((line) => line.startsWith('LOG DEBUG connection:close '))
  assert.match(closed ?? '', / dropped\.malformed=1 dropped\.closed=0 /)
})

test('Framing fault of the PT server: its connection ends, and the next packet begins another', async () => {
  const { application, arrived, write, dispatcher } = await startScene({ mode: 'STUN' })
  await application.send(stunMessage('a'))
  await write(0, Buffer.concat([stunMessage('whole'), Buffer.alloc(4, 0xff)]))
  await application.send(stunMessage('b'))
  assert.deepEqual(application.received, [stunMessage('whole').toString('latin1')])
  assert.deepEqual(
    arrived,
    ['a', 'b'].map((text) => stunMessage(text).toString('latin1')),
  )
  await dispatcher.stop()
})

test('Timeout since last packet: the connection ends, and the next packet begins another', async () => {
  const { application, streams, arrived, platform, dispatcher } = await startScene()
  await application.send('a')
  await platform.clock.advance(IDLE_MS - 1)
  assert.equal(streams[0]!.readableEnded, false)
  await platform.clock.advance(1)
  assert.equal(streams[0]!.readableEnded, true)
  await application.send('b')
  assert.deepEqual(arrived, [frames('a'), frames('b')])
  await dispatcher.stop()
})

test('takes no newcomers once it drains, and frees the port after the last connection', async () => {
  const { application, arrived, write, platform, dispatcher } = await startScene()
  const other = await openApplication(platform, { host: '127.0.0.1', port: 5002 })
  await application.send('a')
  let isDrained = false
  const draining = dispatcher.drain().then(() => {
    isDrained = true
  })
  await other.send('too late')
  await application.send('b')
  await write(0, prefixed('still'))
  assert.deepEqual([arrived, application.received, isDrained], [[frames('a', 'b')], ['still'], false])
  assert.equal(platform.datagrams.openSocketCount, 3)
  await platform.clock.advance(2 * IDLE_MS)
  await draining
  assert.equal(platform.datagrams.openSocketCount, 2)
})

test('frees the port at once when it drains without a connection', async () => {
  const { platform, dispatcher } = await startScene()
  await dispatcher.drain()
  assert.equal(platform.datagrams.openSocketCount, 1)
})

for (const [title, changes, text] of [
  ['PT server', { target: undefined }, 'plain Option "serverAddress" is missing and no -target is given'],
  ['option', { transports: [{ name: 'obfs4', arguments: {} }] }, 'obfs4 Option "cert" is missing'],
] as const)
  test(`refuses a transport that lacks its ${title}, which no packet could bring`, async () => {
    const { err, out, dispatcher } = await startScene(changes)
    assert.deepEqual([err, out.at(-1)], [[`CMETHOD-ERROR ${text}`], 'CMETHODS DONE'])
    await dispatcher.stop()
  })

test('takes the PT server from the option', async () => {
  const transports = [{ name: 'plain', arguments: { serverAddress: '127.0.0.1:4430' } }]
  const { application, arrived, dispatcher } = await startScene({ target: undefined, transports })
  await application.send('a')
  assert.deepEqual(arrived, [frames('a')])
  await dispatcher.stop()
})

test('refuses a transport whose address is taken', async () => {
  const platform = createMemoryPlatform()
  await openApplication(platform, LOCAL)
  const { err, dispatcher } = await runPacketsClient(platform)
  assert.equal(err.length, 1)
  assert.match(err[0]!, /^CMETHOD-ERROR plain .*EADDRINUSE/)
  await dispatcher.stop()
})

test('goes through an upstream proxy as any stream does', async () => {
  const platform = createMemoryPlatform()
  const [dialled, dials] = [[] as string[], platform.network.dial.bind(platform.network)]
  platform.network.dial = (address, options) => {
    dialled.push('host' in address ? address.host : address.path)
    return dials(address, options)
  }
  const { out, dispatcher } = await runPacketsClient(platform, { upstreamProxy: 'http://192.0.2.9:3128' })
  assert.deepEqual(out.slice(1, 3), ['PROXY DONE', 'CMETHOD plain transparent-UDP 127.0.0.1:1194'])
  const application = await openApplication(platform, { host: '127.0.0.1', port: 5001 })
  await application.send('a')
  assert.deepEqual(dialled, ['192.0.2.9'])
  await dispatcher.stop()
})

test('gives transports no datagrams under an upstream proxy', async () => {
  const platform = createMemoryPlatform()
  let settings: FactorySettings | undefined
  const watched: Transport = {
    ...plain,
    client: (options, given) => {
      settings = given
      return plain.client(options, given)
    },
  }
  const { dispatcher } = await runPacketsClient(platform, { upstreamProxy: 'http://192.0.2.9:3128' }, [watched])
  const { datagrams } = settings!.platform!
  const handlers = { onMessage: () => {}, onError: () => {} }
  const refused = { code: 'PT_PACKETS_UNSUPPORTED' }
  await assert.rejects(datagrams.connect(BRIDGE, handlers, { signal: new AbortController().signal }), refused)
  await assert.rejects(datagrams.bind({ host: '0.0.0.0', port: 0 }, handlers), refused)
  await dispatcher.stop()
})

/** A client by itself, with what it logs. */
async function startAlone(maxApplications?: number) {
  const platform = createMemoryPlatform()
  const logged: string[] = []
  const factory = plain.client({}, { platform })
  const method = await startPacketsClient({
    platform,
    address: LOCAL,
    accepts: () => true,
    connect: () => factory.connectPackets(BRIDGE),
    idleTimeoutMs: IDLE_MS,
    logger: {
      warn: (event) => logged.push(event),
      error: (event, fields) => logged.push(event, JSON.stringify(fields)),
    },
    unsafeLogging: false,
    ...(maxApplications !== undefined && { maxApplications }),
  })
  return { platform, logged, method }
}

test('drops packets of newcomers past its limit, and warns once', async () => {
  const { platform, logged, method } = await startAlone(1)
  platform.network.holdDials()
  for (const port of [5001, 5002, 5003]) {
    const application = await openApplication(platform, { host: '127.0.0.1', port })
    await application.send('a')
  }
  assert.deepEqual(logged, ['dispatcher:applications-full'])
  await method.destroy()
})

test('ends its connections when its socket fails, and tells why', async () => {
  const { platform, logged, method } = await startAlone()
  await platform.network.bind(BRIDGE, { onStream: (stream) => void stream.on('error', () => {}), onError: () => {} })
  const application = await openApplication(platform, { host: '127.0.0.1', port: 5001 })
  await application.send('a')
  assert.equal(platform.network.openStreamCount, 2)
  platform.datagrams.failSockets(Object.assign(new Error('recvmsg 127.0.0.1'), { code: 'EIO', syscall: 'recvmsg' }))
  await platform.clock.settle()
  assert.deepEqual(logged, ['dispatcher:listener-failed', '{"code":"EIO"}'])
  assert.equal(platform.clock.timerCount, 0)
  await method.drained()
})
