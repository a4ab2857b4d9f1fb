import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DatagramHandlers, Datagrams, UdpAddress } from '../../../src/core/platform.ts'
import { startPacketsServer } from '../../../src/dispatcher/packets-server.ts'
import type { ServerConfig } from '../../../src/ipc/config.ts'
import { MemoryDatagrams, createMemoryPlatform, plain } from '../../../src/testing/index.ts'
import { ScriptedSocket } from '../../support/scripted-datagrams.ts'
import {
  BRIDGE,
  IDLE_MS,
  TARGET,
  openApplication,
  prefixed,
  runPacketsServer,
  stunMessage,
} from '../../support/packet-worlds.ts'

type Others = Parameters<typeof runPacketsServer>[2]

/** A server in memory before an application server; clients are raw streams, since `plain` adds nothing. */
async function startScene(changes: Partial<ServerConfig> = {}, others: Others = {}) {
  const platform = createMemoryPlatform()
  const running = await runPacketsServer(platform, changes, others)
  const application = await openApplication(platform, TARGET)
  const connect = async () => {
    const stream = await platform.network.dial(BRIDGE, { signal: new AbortController().signal })
    const events: string[] = []
    let arrived = ''
    stream.on('data', (bytes: Buffer) => {
      arrived += bytes.toString('latin1')
    })
    stream.on('end', () => events.push('end'))
    stream.on('error', () => events.push('error'))
    await platform.clock.settle()
    const write = async (...packets: Buffer[]): Promise<void> => {
      stream.write(Buffer.concat(packets))
      await platform.clock.settle()
    }
    return { stream, events, write, arrived: () => arrived }
  }
  return { ...running, platform, application, connect }
}

const refusalsIn = (logs: readonly string[]): string[] => logs.filter((line) => line.includes('packet-refused'))

const text = (packet: string): string => prefixed(packet).toString('latin1')

for (const mode of ['transparent-UDP', 'STUN'] as const)
  test(`announces a server of ${mode}`, async () => {
    const { out, err, dispatcher } = await startScene({ mode })
    assert.deepEqual([out.slice(-2), err], [['SMETHOD plain 127.0.0.1:4430', 'SMETHODS DONE'], []])
    await dispatcher.stop()
  })

test('carries packets both ways, those that came before the socket was there included', async () => {
  const { application, connect, dispatcher, platform } = await startScene()
  const client = await connect()
  await client.write(prefixed('first'), prefixed(''), prefixed('third'))
  assert.deepEqual(application.received, ['first', '', 'third'])
  await application.answer(0, 'answer')
  await application.answer(0, '')
  assert.equal(client.arrived(), text('answer') + text(''))
  await dispatcher.stop()
  // The application's own.
  assert.deepEqual([platform.datagrams.openSocketCount, platform.clock.timerCount], [1, 0])
})

test('lets the application server tell clients apart, and takes its packets to the one that they are for', async () => {
  const { application, connect, dispatcher } = await startScene()
  const [one, other] = [await connect(), await connect()]
  await one.write(prefixed('one'))
  await other.write(prefixed('other'))
  assert.notEqual(application.sources[0]!.port, application.sources[1]!.port)
  await application.answer(1, 'for other')
  await application.answer(0, 'for one')
  assert.deepEqual([one.arrived(), other.arrived()], [text('for one'), text('for other')])
  await dispatcher.stop()
})

test('carries STUN messages, and ends the connection that brings something else, that one alone', async () => {
  const { application, connect, dispatcher } = await startScene({ mode: 'STUN' })
  const [one, other] = [await connect(), await connect()]
  await one.write(stunMessage('one'), Buffer.alloc(4, 0xff))
  await other.write(stunMessage('other'))
  assert.deepEqual(
    application.received,
    [stunMessage('one'), stunMessage('other')].map((each) => each.toString('latin1')),
  )
  assert.equal(one.events.length, 1)
  await application.answer(1, 'not STUN')
  await application.answer(1, stunMessage('answer'))
  assert.deepEqual([other.arrived(), other.events], [stunMessage('answer').toString('latin1'), []])
  await dispatcher.stop()
})

test('Packet received from the application server, no matching connection in the pool: it is dropped', async () => {
  const { application, connect, dispatcher, platform } = await startScene()
  const client = await connect()
  await client.write(prefixed('a'))
  client.stream.destroy()
  await platform.clock.settle()
  await application.answer(0, 'late')
  assert.deepEqual([platform.datagrams.lostCount, platform.datagrams.openSocketCount], [1, 1])
  await dispatcher.stop()
})

test('Connection closed by the client: its socket is closed, and its last packet was sent', async () => {
  const { application, connect, dispatcher, platform } = await startScene()
  const client = await connect()
  await client.write(prefixed('a'))
  client.stream.end(prefixed('last'))
  await platform.clock.settle()
  assert.deepEqual([application.received, client.events], [['a', 'last'], ['end']])
  assert.equal(platform.datagrams.openSocketCount, 1)
  await dispatcher.stop()
})

test('Timeout since last packet: the connection ends', async () => {
  const { application, connect, dispatcher, platform } = await startScene()
  const client = await connect()
  await client.write(prefixed('a'))
  await platform.clock.advance(IDLE_MS - 1)
  await application.answer(0, 'b')
  await platform.clock.advance(IDLE_MS - 1)
  assert.deepEqual(client.events, [])
  await platform.clock.advance(1)
  assert.deepEqual([client.events, platform.datagrams.openSocketCount], [['end'], 1])
  await dispatcher.stop()
})

test('survives ICMP refusals: each costs its packet', async () => {
  const { application, connect, dispatcher, platform, logs } = await startScene()
  const client = await connect()
  await application.socket.close()
  await client.write(prefixed('lost'))
  await client.write(prefixed('lost too'))
  const again = await openApplication(platform, TARGET)
  await client.write(prefixed('next'))
  assert.deepEqual([again.received, client.events], [['next'], []])
  assert.deepEqual(refusalsIn(logs()), ['LOG WARN dispatcher:packet-refused transport=plain code=ECONNREFUSED'])
  await dispatcher.stop()
})

test('warns of the first refusal since the application server has answered, whoever had the answer', async () => {
  const { application, connect, dispatcher, platform, logs } = await startScene()
  const [warning, note] = ['WARN', 'DEBUG'].map(
    (level) => `LOG ${level} dispatcher:packet-refused transport=plain code=ECONNREFUSED`,
  )
  const [one, other] = [await connect(), await connect()]
  await application.socket.close()
  for (const client of [one, other]) await client.write(prefixed('lost'))
  assert.deepEqual(refusalsIn(logs()), [warning, note])
  const again = await openApplication(platform, TARGET)
  await one.write(prefixed('a'))
  await again.answer(0, 'answer')
  await again.socket.close()
  await (await connect()).write(prefixed('lost'))
  assert.deepEqual(refusalsIn(logs()).slice(2), [warning])
  await dispatcher.stop()
})

test('does not warn of the application server when a packet is too long', async () => {
  const { connect, dispatcher, logs } = await startScene()
  await (await connect()).write(prefixed('x'.repeat(65_508)))
  assert.deepEqual(refusalsIn(logs()), ['LOG DEBUG dispatcher:packet-refused transport=plain code=EMSGSIZE'])
  await dispatcher.stop()
})

test('survives packets that are longer than UDP carries: each costs itself', async () => {
  const { application, connect, dispatcher } = await startScene()
  const client = await connect()
  const longest = 'x'.repeat(65_507)
  await client.write(prefixed(`${longest}y`), prefixed('x'.repeat(65_527)), prefixed(longest), prefixed('next'))
  assert.deepEqual(
    application.received.map((packet) => packet.length),
    [65_507, 4],
  )
  assert.deepEqual(client.events, [])
  await dispatcher.stop()
})

test('Framing fault: a length prefix past what UDP can have costs its packet alone', async () => {
  const { application, connect, dispatcher } = await startScene()
  const client = await connect()
  await client.write(prefixed('x'.repeat(65_535)), prefixed('next'))
  assert.deepEqual([application.received, client.events], [['next'], []])
  await dispatcher.stop()
})

/** Datagrams whose connect() does as a test says. */
const connecting = (connect: Datagrams['connect']): Datagrams => ({
  bind: () => Promise.reject(new Error('nobody binds here')),
  connect,
})

test('lets a client go when no socket can be had, and tells no address', async () => {
  const failure = Object.assign(new Error('getaddrinfo ENOTFOUND turn.example'), {
    code: 'ENOTFOUND',
    syscall: 'getaddrinfo',
  })
  const address = { host: 'turn.example', port: 3478 }
  const asked: UdpAddress[] = []
  const datagrams = connecting((remote) => {
    asked.push(remote)
    return Promise.reject(failure)
  })
  const { connect, dispatcher, logs } = await startScene({ application: { kind: 'plain', address } }, { datagrams })
  const client = await connect()
  assert.equal(client.events.length, 1)
  assert.deepEqual(asked, [address])
  assert.ok(logs().includes('LOG WARN dispatcher:application-failed transport=plain code=ENOTFOUND'))
  assert.doesNotMatch(logs().join(), /turn|3478|127\.0/)
  await dispatcher.stop()
})

test('tells which client it was under unsafe logging', async () => {
  const datagrams = connecting(() => Promise.reject(new Error('no way to 192.0.2.1')))
  const { connect, dispatcher, logs } = await startScene({ unsafeLogging: true }, { datagrams })
  await connect()
  assert.match(logs().join('\n'), /application-failed .*192\.0\.2\.1/)
  await dispatcher.stop()
})

test('waits 30 s for the socket, and no longer', async () => {
  const datagrams = connecting(
    (_remote, _handlers, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
      }),
  )
  const { connect, dispatcher, platform, logs } = await startScene({}, { datagrams })
  const client = await connect()
  await platform.clock.advance(29_999)
  assert.deepEqual(client.events, [])
  await platform.clock.advance(1)
  assert.equal(client.events.length, 1)
  assert.match(logs().join('\n'), /application-failed .*code=PT_DIAL_TIMEOUT/)
  await dispatcher.stop()
})

test('sends from the outbound addresses, except towards loopback', async () => {
  for (const [host, expected] of [
    ['192.0.2.53', ['198.51.100.1 192.0.2.53']],
    ['dns.example', ['198.51.100.1 192.0.2.54']],
    ['127.0.0.1', []],
  ] as const) {
    const opened: string[] = []
    const createDatagrams = (source: string): Datagrams =>
      connecting(async (remote: UdpAddress, handlers: DatagramHandlers) => {
        opened.push(`${source} ${remote.host}`)
        return new ScriptedSocket(handlers)
      })
    const { connect, dispatcher } = await startScene(
      { outbound: { v4: '198.51.100.1' }, application: { kind: 'plain', address: { host, port: 5300 } } },
      { createDatagrams, lookup: async () => ['192.0.2.54'] },
    )
    await connect()
    assert.deepEqual(opened, expected)
    await dispatcher.stop()
  }
})

test('refuses an Extended ORPort, which takes streams', async () => {
  const { err, dispatcher } = await startScene({
    mode: 'STUN',
    application: { kind: 'extended-orport', address: TARGET, cookieFile: 'cookie' },
  })
  assert.deepEqual(err, ['SMETHOD-ERROR plain the Extended ORPort takes streams, and the mode STUN has packets'])
  await dispatcher.stop()
})

test('drains: clients go on, and newcomers are refused', async () => {
  const { application, connect, dispatcher, platform } = await startScene()
  const client = await connect()
  const draining = dispatcher.drain()
  await platform.clock.settle()
  await assert.rejects(connect(), { code: 'ECONNREFUSED' })
  await client.write(prefixed('a'))
  assert.deepEqual(application.received, ['a'])
  client.stream.end()
  await draining
  assert.deepEqual([platform.network.bindingCount, platform.datagrams.openSocketCount], [0, 1])
})

test('serves no more clients at once than its limit', async () => {
  const platform = createMemoryPlatform()
  let openCount = 0
  const datagrams = new MemoryDatagrams()
  const method = await startPacketsServer({
    factory: plain.server({}, { platform }),
    bind: BRIDGE,
    packets: {},
    openApplication: (handlers, signal) => {
      openCount++
      return datagrams.connect(TARGET, handlers, { signal })
    },
    clock: platform.clock,
    idleTimeoutMs: IDLE_MS,
    logger: {},
    unsafeLogging: false,
    maxConnections: 1,
  })
  for (let index = 0; index < 2; index++)
    plain
      .client({}, { platform })
      .connectPackets(BRIDGE)
      .on('error', () => {})
  await platform.clock.settle()
  assert.equal(openCount, 1)
  await method.destroy()
})

test('warns once of clients in another mode, and again after one whose packets are understood', async () => {
  const { connect, dispatcher, logs } = await startScene({ mode: 'STUN' })
  const inAnotherMode = async (): Promise<void> => (await connect()).write(prefixed('y'.repeat(40)))
  const warnings = (): string[] => logs().filter((line) => line.includes('LOG WARN dispatcher:framing-invalid'))
  await inAnotherMode()
  await inAnotherMode()
  assert.equal(warnings().length, 1)
  assert.match(warnings()[0]!, /transport=plain code=PT_FRAMING_INVALID hint="?both ends must run in the same -mode/)
  await (await connect()).write(stunMessage('understood'))
  await inAnotherMode()
  assert.equal(warnings().length, 2)
  await dispatcher.stop()
})
