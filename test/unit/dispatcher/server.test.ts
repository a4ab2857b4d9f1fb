import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { createMemoryPlatform } from '../../../src/testing/index.ts'
import {
  APPLICATION as application,
  BIND as bind,
  SERVER_CONFIG as config,
  runInMemory,
  startServerWorld as startWorld,
} from '../../support/dispatcher-world.ts'
import { COOKIE_FILE, OKAY, acceptClient } from '../../support/extended-orport-server.ts'
import { VERSION_1, VERSION_3 } from '../../support/ipc-lines.ts'
import { readExactly } from '../../support/read-exactly.ts'

test('announces the transport and relays both ways, each end by itself', async () => {
  const { platform, arrivals, dispatcher, out, err, connect } = await startWorld()
  assert.deepEqual(out, ['VERSION 1', 'SMETHOD plain 127.0.0.1:4430', 'SMETHODS DONE'])
  assert.deepEqual(err, [])
  const client = connect()
  client.end('question')
  const server = await arrivals.next()
  assert.equal((await readExactly(server, 8)).toString(), 'question')
  server.resume()
  await once(server, 'end')
  server.end('answer')
  assert.equal((await readExactly(client, 6)).toString(), 'answer')
  await dispatcher.drain()
  assert.equal(platform.network.bindingCount, 1)
})

test('writes one line for each known transport in the order asked for, and none for others', async () => {
  const other = { host: '127.0.0.1', port: 4431 }
  const { out, err, dispatcher, platform } = await startWorld({
    ipcLogLevel: 'WARN',
    transports: [
      { name: 'obfs4', arguments: {}, bind: other },
      { name: 'meek', arguments: {}, bind },
      { name: 'plain', arguments: {}, bind },
    ],
  })
  const [version, unknown, first, second, done] = out.filter((line) => !line.includes('replay-filter'))
  assert.equal(version, 'VERSION 1')
  assert.equal(unknown, 'LOG SEVERITY=warning MESSAGE="dispatcher:transport-unknown transport=meek"')
  assert.match(first!, /^SMETHOD obfs4 127\.0\.0\.1:4431 ARGS:cert=[\w+/]{70},iat-mode=0$/)
  assert.equal(second, 'SMETHOD plain 127.0.0.1:4430')
  assert.equal(done, 'SMETHODS DONE')
  assert.deepEqual(err, [])
  assert.ok(platform.store.files.has('state/obfs4_state.json'))
  await dispatcher.stop()
  assert.deepEqual([platform.network.bindingCount, platform.store.lockCount], [1, 0])
})

test('refuses a transport whose settings or address will not do, and goes on with the others', async () => {
  const taken = { name: 'plain', arguments: {}, bind: application }
  for (const [version, stream] of [
    [VERSION_1, 'out'],
    [VERSION_3, 'err'],
  ] as const) {
    const world = await startWorld({
      version,
      transports: [{ name: 'obfs4', arguments: { 'iat-mode': '9' }, bind }, taken],
    })
    assert.deepEqual(
      world[stream].filter((line) => line.startsWith('SMETHOD-ERROR')),
      ['SMETHOD-ERROR obfs4 Option "iat-mode" must be 0, 1 or 2', 'SMETHOD-ERROR plain listen EADDRINUSE'],
    )
    assert.equal(world.out.at(-1), 'SMETHODS DONE')
    await world.dispatcher.stop()
  }
})

test('refuses options that are unknown, and a state directory that is not the parent’s', async () => {
  const { out, dispatcher } = await startWorld({
    transports: [
      { name: 'plain', arguments: { colour: 'red' }, bind },
      { name: 'obfs4', arguments: { 'state-dir': '/elsewhere' }, bind },
    ],
  })
  assert.deepEqual(out.slice(1), [
    'SMETHOD-ERROR plain Transport plain has no option "colour"',
    'SMETHOD-ERROR obfs4 Option "state-dir" cannot be given beside the state location',
    'SMETHODS DONE',
  ])
  await dispatcher.stop()
})

test('tells why a state directory cannot be used', async () => {
  const platform = createMemoryPlatform()
  platform.store.fillDisk()
  const transports = [{ name: 'obfs4', arguments: {}, bind }]
  const { dispatcher, out } = runInMemory({ ...config, transports }, platform)
  await dispatcher.ready
  assert.match(out[1]!, /^SMETHOD-ERROR obfs4 \S/)
  assert.deepEqual([platform.network.bindingCount, platform.store.lockCount], [0, 0])
  await dispatcher.stop()
})

test('lets a client go whose application server is not there, and serves the next', async () => {
  const { arrivals, acceptor, dispatcher, out, connect, platform } = await startWorld({ ipcLogLevel: 'WARN' })
  await acceptor.close()
  const lost = connect()
  lost.resume()
  await once(lost, 'end')
  assert.equal(
    out.at(-1),
    'LOG SEVERITY=warning MESSAGE="dispatcher:application-failed transport=plain code=ECONNREFUSED"',
  )
  await platform.network.bind(application, { onStream: (stream) => arrivals.add(stream), onError: () => {} })
  const client = connect()
  await once(client, 'connect')
  assert.ok(await arrivals.next())
  await dispatcher.stop()
})

test('tells the client and the message of what failed under unsafe logging', async () => {
  const { acceptor, dispatcher, out, connect } = await startWorld({ ipcLogLevel: 'WARN', unsafeLogging: true })
  await acceptor.close()
  const lost = connect()
  lost.resume()
  await once(lost, 'end')
  const facts = String.raw`code=ECONNREFUSED message=\"connect ECONNREFUSED\" client=127.0.0.1 clientPort=${lost.localPort}`
  assert.equal(out.at(-1), `LOG SEVERITY=warning MESSAGE="dispatcher:application-failed transport=plain ${facts}"`)
  await dispatcher.stop()
})

test('does not let a client wait longer than 30 s for the application server', async () => {
  const { dispatcher, connect, platform } = await startWorld()
  const client = connect()
  await once(client, 'connect')
  platform.network.holdDials()
  client.resume()
  await platform.clock.advance(29_999)
  assert.equal(client.readableEnded, false)
  await platform.clock.advance(1)
  assert.equal(client.readableEnded, true)
  await dispatcher.stop()
})

test('gives up the dial of a client that has left', async () => {
  const { dispatcher, connect, platform, out } = await startWorld({ ipcLogLevel: 'WARN' })
  const client = connect()
  platform.network.holdDials()
  await platform.clock.settle()
  client.resetAndDestroy()
  await platform.clock.settle()
  platform.network.releaseDials()
  await dispatcher.drain()
  assert.deepEqual(out.slice(3), [])
  assert.equal(platform.network.links.length, 1)
  assert.equal(platform.network.openStreamCount, 0)
})

test('stops listening on drain and waits for the connections that are open', async () => {
  const { arrivals, dispatcher, connect, platform } = await startWorld()
  const client = connect()
  const server = await arrivals.next()
  let drained = false
  const draining = dispatcher.drain().then(() => (drained = true))
  await platform.clock.settle()
  assert.equal(drained, false)
  assert.equal(platform.network.bindingCount, 1)
  client.end('last words')
  assert.equal((await readExactly(server, 10)).toString(), 'last words')
  server.resume().end()
  client.resume()
  await draining
})

test('ends every connection on stop, in a drain too', async () => {
  const { arrivals, dispatcher, connect, platform } = await startWorld()
  connect()
  await arrivals.next()
  const draining = dispatcher.drain()
  await dispatcher.stop()
  await draining
  const [fromClient, toApplication] = platform.network.links
  assert.deepEqual([fromClient!.server.closed, toApplication!.client.closed], [true, true])
  assert.equal(platform.clock.timerCount, 0)
})

const extended = { kind: 'extended-orport', address: application, cookieFile: '/run/tor/cookie' } as const

test('describes each client to the Extended ORPort before its payload', async () => {
  const { arrivals, dispatcher, connect } = await startWorld({ application: extended }, async () => COOKIE_FILE)
  const client = connect()
  client.write('payload')
  const server = await arrivals.next()
  const description = await acceptClient(server)
  assert.deepEqual(
    [...description],
    [
      [1, `127.0.0.1:${client.localPort}`],
      [2, 'plain'],
    ],
  )
  server.write(OKAY)
  assert.equal((await readExactly(server, 7)).toString(), 'payload')
  await dispatcher.stop()
})

test('tells the parent of a cookie that cannot be read, and lets the client go', async () => {
  const { dispatcher, connect, out } = await startWorld({ application: extended, ipcLogLevel: 'WARN' }, () =>
    Promise.reject(Object.assign(new Error('open EACCES'), { code: 'EACCES' })),
  )
  const client = connect()
  client.resume()
  await once(client, 'end')
  const message = String.raw`\"The cookie file of the Extended ORPort cannot be read\"`
  assert.equal(
    out.at(-1),
    `LOG SEVERITY=warning MESSAGE="dispatcher:application-failed transport=plain code=PT_HANDSHAKE_FAILED message=${message} cause=EACCES"`,
  )
  await dispatcher.stop()
})

test('tells people at the start of a cookie that cannot be used, however little the parent logs, and again only after it could be', async () => {
  let file: Buffer | undefined
  const readFile = async (): Promise<Buffer> => {
    if (file === undefined) throw Object.assign(new Error('open /run/tor/cookie'), { code: 'EACCES' })
    return file
  }
  const { arrivals, dispatcher, connect, platform, out, err } = await startWorld({ application: extended }, readFile)
  const meet = async (): Promise<void> => {
    const client = connect()
    client.resume()
    await once(client, 'end')
  }
  const unreadable = 'warning: The cookie file of the Extended ORPort cannot be read: EACCES; clients are let go'
  await platform.clock.settle()
  assert.deepEqual(err, [unreadable])
  await meet()
  assert.deepEqual(err, [unreadable])
  file = COOKIE_FILE
  connect()
  await acceptClient(await arrivals.next())
  file = Buffer.from('something else')
  await meet()
  assert.deepEqual(err.slice(1), ['warning: The cookie file of the Extended ORPort is not one; clients are let go'])
  assert.deepEqual(out, ['VERSION 1', 'SMETHOD plain 127.0.0.1:4430', 'SMETHODS DONE'])
  await dispatcher.stop()
})

test('warns of an Extended ORPort that is not on loopback', async () => {
  const address = { host: '192.0.2.1', port: 9001 }
  const { dispatcher, out } = await startWorld({ application: { ...extended, address }, ipcLogLevel: 'WARN' })
  assert.ok(out.includes('LOG SEVERITY=warning MESSAGE="dispatcher:extended-orport-exposed"'))
  await dispatcher.stop()
})
