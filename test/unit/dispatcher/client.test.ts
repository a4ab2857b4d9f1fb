import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { createMemoryPlatform } from '../../../src/testing/index.ts'
import {
  BRIDGE as bridge,
  CLIENT_CONFIG as config,
  LISTEN as listen,
  runInMemory,
  startClientWorld as startWorld,
} from '../../support/dispatcher-world.ts'
import { VERSION_1, VERSION_3 } from '../../support/ipc-lines.ts'
import { readExactly } from '../../support/read-exactly.ts'

const domainRequest = (name: string, port: number): Buffer =>
  Buffer.concat([Buffer.of(5, 1, 0, 3, name.length), Buffer.from(name), Buffer.of(port >> 8, port & 0xff)])
const addressRequest = Buffer.of(5, 1, 0, 1, 192, 0, 2, 7, 1, 0xbb)
const noAuthentication = Buffer.of(5, 1, 0)

/** The start of a SOCKS5 dialogue with arguments in user name and password. */
const withArguments = (args: string): Buffer =>
  Buffer.concat([Buffer.of(5, 1, 2, 1, args.length), Buffer.from(args), Buffer.of(1, 0)])

test('answers tor in its order and form', async () => {
  const { out, err, dispatcher } = await startWorld({
    transports: [
      { name: 'meek', arguments: {} },
      { name: 'plain', arguments: {} },
      { name: 'obfs4', arguments: {} },
    ],
    listen: { host: '127.0.0.1', port: 0 },
  })
  await dispatcher.ready
  assert.deepEqual(out, [
    'VERSION 1',
    'STATUS TYPE=version IMPLEMENTATION="ptkit" VERSION="0.1.0"',
    'CMETHOD plain socks5 127.0.0.1:49152',
    'CMETHOD obfs4 socks5 127.0.0.1:49153',
    'CMETHODS DONE',
  ])
  assert.deepEqual(err, [])
  await dispatcher.stop()
})

test('relays both ways to the destination, and drains', async () => {
  const { arrivals, connect, dispatcher, platform } = await startWorld()
  const application = await connect()
  application.write(Buffer.concat([noAuthentication, addressRequest, Buffer.from('ahead')]))
  const { stream } = await arrivals.next()
  assert.equal((await readExactly(stream, 5)).toString(), 'ahead')
  stream.end('answer')
  const replies = await readExactly(application, 2 + 10 + 6)
  assert.equal(replies.toString('hex', 0, 5), '0500050000')
  assert.equal(replies.toString('latin1', 12), 'answer')
  const draining = dispatcher.drain()
  application.end()
  stream.resume()
  await draining
  assert.equal(platform.network.bindingCount, 1)
  assert.equal(platform.clock.timerCount, 0)
})

const named = { host: 'named.example', port: 4 }
const option = { host: 'option.example', port: 3 }
const target = { host: 'target.example', port: 2 }
const destination = { host: 'destination.example', port: 1 }
const places = [named, option, target, destination]
const withOption = [{ name: 'plain', arguments: { serverAddress: 'option.example:3' } }]
for (const [title, changes, request, expected] of [
  [
    "the connection's argument",
    { target, transports: withOption },
    withArguments('serverAddress=named.example:4'),
    named,
  ],
  ['the option', { target, transports: withOption }, noAuthentication, option],
  ['-target', { target }, noAuthentication, target],
  ['the destination', {}, noAuthentication, destination],
] as const) {
  test(`connects to the PT server of ${title}, first of all that is given`, async () => {
    const { arrivals, connect, dispatcher } = await startWorld(changes, places)
    const application = await connect()
    application.write(Buffer.concat([request, domainRequest('destination.example', 1)]))
    assert.deepEqual((await arrivals.next()).place, expected)
    await dispatcher.stop()
  })
}

test('tells tor of each connection that got through or failed, without an address', async () => {
  const { arrivals, connect, dispatcher, out } = await startWorld()
  const through = await connect()
  through.write(Buffer.concat([noAuthentication, addressRequest]))
  await arrivals.next()
  await readExactly(through, 2 + 10)
  const refused = await connect()
  refused.write(Buffer.concat([noAuthentication, domainRequest('nobody.example', 1)]))
  await readExactly(refused, 2 + 10)
  assert.deepEqual(out.slice(out.indexOf('CMETHODS DONE') + 1), [
    'STATUS TRANSPORT=plain CONNECT="Success"',
    'STATUS TRANSPORT=plain CONNECT="Failed" ERRSTR="ECONNREFUSED"',
  ])
  await dispatcher.stop()
})

test('tells tor of a connection whose arguments will not do before anything is dialled, without a word of them', async () => {
  const { connect, dispatcher, out } = await startWorld({ transports: [{ name: 'obfs4', arguments: {} }] })
  const block = '{"cert":"secret"}'
  for (const pieces of [
    [withArguments('cert=secret'), addressRequest],
    [withArguments('serverAddress=secret'), addressRequest],
    [Buffer.of(5, 1, 9, 0, 0, 0, block.length), Buffer.from(block)],
  ]) {
    const application = await connect()
    application.write(Buffer.concat(pieces))
    await readExactly(application, 2 + 10)
  }
  const line = 'STATUS TRANSPORT=obfs4 CONNECT="Failed" ERRSTR="PT_OPTION_INVALID"'
  assert.deepEqual(out.slice(out.indexOf('CMETHODS DONE') + 1), [line, line, line])
  await dispatcher.stop()
})

test('tells no parent beyond version 1 of connections', async () => {
  const { connect, dispatcher, out } = await startWorld({ version: VERSION_3 })
  const through = await connect()
  through.write(Buffer.concat([noAuthentication, addressRequest]))
  await readExactly(through, 2 + 10)
  assert.equal(out.at(-1), 'CMETHODS DONE')
  await dispatcher.stop()
})

test('answers a refused connection by 05 and the reply that fits', async () => {
  const { connect, dispatcher } = await startWorld({}, [])
  const application = await connect()
  application.write(Buffer.concat([noAuthentication, addressRequest]))
  assert.equal((await readExactly(application, 12)).toString('hex', 2), '05050001000000000000')
  await dispatcher.stop()
})

for (const unsafeLogging of [false, true]) {
  test(`${unsafeLogging ? 'names' : 'hides'} the destination in LOG lines with unsafeLogging ${unsafeLogging}`, async () => {
    for (const mode of ['socks5', 'transparent-TCP'] as const) {
      const level = { version: VERSION_3, ipcLogLevel: 'DEBUG' } as const
      const target = { host: 'bridge.example', port: 443 }
      const { connect, dispatcher, out, platform } = await startWorld({ ...level, mode, target, unsafeLogging }, [])
      const application = await connect()
      application.resume().write(Buffer.concat([noAuthentication, addressRequest]))
      await platform.clock.settle()
      const refusal = out.find((line) => /socks:refused|dispatcher:connect-failed/.test(line))
      assert.match(refusal!, /code=ECONNREFUSED/)
      assert.equal(/message=/.test(refusal!), unsafeLogging)
      if (mode === 'socks5') assert.equal(refusal!.includes('192.0.2.7'), unsafeLogging)
      await dispatcher.stop()
    }
  })
}

test('answers a connection whose arguments lack the cert of its transport', async () => {
  const { connect, dispatcher } = await startWorld({ transports: [{ name: 'obfs4', arguments: {} }] })
  const application = await connect()
  application.write(Buffer.concat([withArguments('iat-mode=1'), addressRequest]))
  assert.equal((await readExactly(application, 4 + 10)).toString('hex', 0, 6), '050201000501')
  await dispatcher.stop()
})

for (const [title, block] of [
  ['an unknown setting', '{"colour":"red"}'],
  ['a setting missing', '{"iat-mode":"0"}'],
  ['nothing in it', '{}'],
  ['a value that will not do', '{"cert":"short"}'],
  ['a bad server address', '{"serverAddress":"nowhere"}'],
] as const) {
  test(`answers 0x13 to a parameter block with ${title}, before the request`, async () => {
    const { connect, dispatcher } = await startWorld({ transports: [{ name: 'obfs4', arguments: {} }] })
    const application = await connect()
    application.write(Buffer.concat([Buffer.of(5, 1, 9, 0, 0, 0, block.length), Buffer.from(block)]))
    assert.equal((await readExactly(application, 2 + 10)).toString('hex'), '050905130001000000000000')
    await dispatcher.stop()
  })
}

test('merges the arguments of a connection over the options of the transport', async () => {
  const cert = Buffer.alloc(52, 1).toString('base64').replace(/=+$/, '')
  const { arrivals, connect, dispatcher } = await startWorld({ transports: [{ name: 'obfs4', arguments: { cert } }] })
  const application = await connect()
  application.write(Buffer.concat([withArguments('iat-mode=1'), addressRequest]))
  // The hello of a client that took both: without the cert it would not have dialled.
  const { stream } = await arrivals.next()
  assert.ok((await readExactly(stream, 64)).length)
  await dispatcher.stop()
})

test('refuses a transport whose options will not do, and goes on with the others', async () => {
  for (const [version, stream] of [
    [VERSION_1, 'out'],
    [VERSION_3, 'err'],
  ] as const) {
    const { dispatcher, ...written } = await startWorld({
      version,
      transports: [
        { name: 'obfs4', arguments: { 'iat-mode': '9' } },
        { name: 'plain', arguments: {} },
      ],
    })
    await dispatcher.ready
    assert.ok(written[stream].includes('CMETHOD-ERROR obfs4 Option "iat-mode" must be 0, 1 or 2'))
    assert.deepEqual(written.out.slice(-2), ['CMETHOD plain socks5 127.0.0.1:1080', 'CMETHODS DONE'])
    await dispatcher.stop()
  }
})

test('refuses an option that is unknown and a server address that is none', async () => {
  const { dispatcher, out } = await startWorld({
    transports: [
      { name: 'plain', arguments: { colour: 'red' } },
      { name: 'obfs4', arguments: { serverAddress: 'nowhere' } },
    ],
  })
  await dispatcher.ready
  assert.deepEqual(
    out.filter((line) => line.startsWith('CMETHOD')),
    [
      'CMETHOD-ERROR plain Transport plain has no option "colour"',
      'CMETHOD-ERROR obfs4 Option "serverAddress" must be host:port, an IPv6 address in brackets',
      'CMETHODS DONE',
    ],
  )
  await dispatcher.stop()
})

const transparent = { version: VERSION_3, mode: 'transparent-TCP' } as const

test('takes every connection to the PT server in transparent-TCP', async () => {
  const { arrivals, connect, dispatcher, out } = await startWorld({ ...transparent, target: bridge })
  await dispatcher.ready
  assert.ok(out.includes('CMETHOD plain transparent-TCP 127.0.0.1:1080'))
  const application = await connect()
  application.end('question')
  const { stream } = await arrivals.next()
  assert.equal((await readExactly(stream, 8)).toString(), 'question')
  stream.resume()
  await once(stream, 'end')
  stream.end('answer')
  assert.equal((await readExactly(application, 6)).toString(), 'answer')
  await dispatcher.drain()
})

test('resets the application in transparent-TCP when the PT server is not there', async () => {
  const { connect, dispatcher } = await startWorld({ ...transparent, target: bridge }, [])
  await dispatcher.ready
  const application = await connect()
  const [error] = (await once(application, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNRESET')
  await dispatcher.drain()
})

test('gives up the connection of an application that leaves in transparent-TCP', async () => {
  const { connect, dispatcher, platform } = await startWorld({ ...transparent, target: bridge })
  await dispatcher.ready
  const application = await connect()
  platform.network.holdDials()
  await platform.clock.settle()
  application.resetAndDestroy!()
  await platform.clock.settle()
  await dispatcher.drain()
  assert.equal(platform.clock.timerCount, 0)
})

test('refuses transparent-TCP without a PT server, or without the options that no argument can bring', async () => {
  for (const [changes, text] of [
    [{}, 'plain Option "serverAddress" is missing and no -target is given'],
    [{ target: bridge, transports: [{ name: 'obfs4', arguments: {} }] }, 'obfs4 Option "cert" is missing'],
  ] as const) {
    const { dispatcher, err } = await startWorld({ ...transparent, ...changes })
    await dispatcher.ready
    assert.deepEqual(err, [`CMETHOD-ERROR ${text}`])
    await dispatcher.stop()
  }
})

test('warns when others than this host can reach its listener', async () => {
  const warning = 'LOG SEVERITY=warning MESSAGE="dispatcher:proxy-exposed"'
  for (const [host, expected] of [
    ['0.0.0.0', true],
    ['192.0.2.3', true],
    ['127.0.0.1', false],
  ] as const) {
    const { dispatcher, out } = await startWorld({ listen: { host, port: 1080 }, ipcLogLevel: 'WARN' })
    await dispatcher.ready
    assert.equal(out.includes(warning), expected, host)
    await dispatcher.stop()
  }
})

test('goes through the upstream proxy and nowhere else', async () => {
  const proxy = { host: '192.0.2.9', port: 3128 }
  const { arrivals, connect, dispatcher, out, platform } = await startWorld(
    { upstreamProxy: 'http://192.0.2.9:3128' },
    [proxy, bridge],
  )
  await dispatcher.ready
  assert.deepEqual(out.slice(2), ['PROXY DONE', 'CMETHOD plain socks5 127.0.0.1:1080', 'CMETHODS DONE'])
  const application = await connect()
  application.write(Buffer.concat([noAuthentication, domainRequest('bridge.example', 443)]))
  const { place, stream } = await arrivals.next()
  assert.deepEqual(place, proxy)
  assert.equal((await readExactly(stream, 31)).toString(), 'CONNECT bridge.example:443 HTTP')
  await dispatcher.stop()
  assert.equal(platform.network.links.length, 2)
})

test('says PROXY-ERROR, and listens nowhere, for a proxy that it cannot use', async () => {
  for (const [version, stream] of [
    [VERSION_1, 'out'],
    [VERSION_3, 'err'],
  ] as const) {
    const { dispatcher, platform, ...written } = await startWorld({ version, upstreamProxy: 'https://192.0.2.9:1' }, [])
    await assert.rejects(dispatcher.ready, { kind: 'proxy', exitCode: 69 })
    assert.match(written[stream].at(-1)!, /^PROXY-ERROR \S/)
    assert.equal(written.out[0], `VERSION ${version.spelling}`)
    assert.equal(
      [...written.out, ...written.err].some((line) => line.startsWith('CMETHOD')),
      false,
    )
    await dispatcher.stop()
    assert.equal(platform.network.bindingCount, 0)
  }
})

test('dials from the outbound addresses', async () => {
  const platform = createMemoryPlatform()
  const sources: string[] = []
  const createDialer = (source: string) => ({
    dial: () => {
      sources.push(source)
      return Promise.reject(new Error('recorded'))
    },
  })
  const outbound = { v4: '198.51.100.1' }
  const { dispatcher } = runInMemory({ ...config, outbound }, platform, { createDialer })
  await dispatcher.ready
  const application = await platform.network.dial(listen, { signal: new AbortController().signal })
  application.write(Buffer.concat([noAuthentication, addressRequest]))
  await readExactly(application, 12)
  assert.deepEqual(sources, ['198.51.100.1'])
  await dispatcher.stop()
})
